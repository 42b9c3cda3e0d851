"""The rules file: read, and with every duration divided."""

import re
from typing import Any, Final

import yaml

from tests.fixtures.processes import ROOT

MONITORING: Final = ROOT / "deploy" / "monitoring"
RULES: Final = MONITORING / "rules.yml"
ALERTMANAGER: Final = MONITORING / "alertmanager.yml"

_DURATION: Final = r"\d+(?:ms|s|m|h|d)"
_RANGE: Final = re.compile(rf"(?<=\[){_DURATION}(?::{_DURATION})?(?=\])")
_STATED: Final = re.compile(rf"\b((?:for|interval): |offset ){_DURATION}\b")
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


_SHORTEST_RANGE_MILLISECONDS: Final = 3_000
"""The canary gets a light each second, which is not divided: a range must hold some."""


def alerts() -> list[dict[str, Any]]:
    """Return all alerts as the file has them; a name may be there twice."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def shortened(text: str, divisor: int) -> str:
    """Return rules with each range, ``for``, ``interval`` and ``offset`` divided.

    What is compared with, and so what the alert is about, stays. No range gets shorter than 3 s.
    """

    def divided(found: re.Match[str], least: int = 0) -> str:
        return re.sub(_DURATION, lambda one: _divided(one[0], divisor, least), found[0])

    ranged = _RANGE.sub(lambda found: divided(found, _SHORTEST_RANGE_MILLISECONDS), text)
    return _STATED.sub(divided, ranged)


def _divided(duration: str, divisor: int, least: int) -> str:
    number, unit = re.fullmatch(r"(\d+)(\D+)", duration).groups()  # type: ignore[union-attr]
    return f"{max(int(number) * _MILLISECONDS[unit] // divisor, least)}ms"
