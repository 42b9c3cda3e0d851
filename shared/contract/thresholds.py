"""Which status a state of charge stands for: the rule the product exists for. No I/O."""

import contextlib
import itertools
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, Self

from shared.contract.device_protocol import ChargingStatus

EMPTY: Final = 0.0
FULL: Final = 100.0
_NAME: Final = "CHARGELIGHT_ROUTER_THRESHOLDS of version "
_VERSION: Final = re.compile(rb"[1-9][0-9]{0,9}")


class Thresholds:
    """From which state of charge on which status is shown.

    Args:
        steps: Status and the state of charge (percent) it starts at, ascending;
            the first at 0.

    Raises:
        ValueError: The steps leave a state of charge without a status, or with two.
    """

    def __init__(self, steps: list[tuple[ChargingStatus, float]]) -> None:
        levels = [level for _, level in steps]
        if not steps or levels[0] != EMPTY:
            raise ValueError("the first status must start at 0")
        if not all(low < high for low, high in itertools.pairwise(levels)):
            raise ValueError("the levels must ascend")
        if levels[-1] > FULL:
            raise ValueError("no level may exceed 100")
        if len({status for status, _ in steps}) != len(steps):
            raise ValueError("no status may occur twice")
        self._levels = levels
        self._statuses = [status for status, _ in steps]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read thresholds such as ``charging=0,charging80=80,charged=100``.

        Raises:
            ValueError: The text has another form, or the steps are not allowed.
        """
        steps: list[tuple[ChargingStatus, float]] = []
        for part in text.split(","):
            name, equals, level = part.strip().partition("=")
            allowed = ", ".join(ChargingStatus)
            if not equals or name not in set(ChargingStatus):
                raise ValueError(f"expected status=level pairs with a status of {allowed}")
            try:
                # + 0.0 makes -0.0 a 0.0: both must look alike.
                steps.append((ChargingStatus(name), float(level) + 0.0))
            except ValueError:
                raise ValueError(f"expected a number after {name}=") from None
        return cls(steps)

    def status_of(self, state_of_charge: float) -> ChargingStatus:
        """Return the status to show at a state of charge (percent, 0 to 100)."""
        return self._statuses[bisect_right(self._levels, state_of_charge) - 1]

    def each(self) -> list[tuple[float, ChargingStatus]]:
        """Return each status, with a state of charge in the middle of those that it stands for."""
        ends = [*self._levels[1:], FULL]
        middles = [(low + high) / 2 for low, high in zip(self._levels, ends, strict=True)]
        return list(zip(middles, self._statuses, strict=True))

    def __str__(self) -> str:
        pairs = zip(self._statuses, self._levels, strict=True)
        return ",".join(f"{status}={_shortest(level)}" for status, level in pairs)


def _shortest(level: float) -> str:
    """Return a level as text, with all its digits: routers compare this text."""
    return repr(level).removesuffix(".0")


def name_of_version(version: int) -> str:
    """Return the name under which routers agree on the thresholds of a version."""
    return f"{_NAME}{version}"


def agreed_thresholds(agreements: Mapping[bytes, bytes]) -> dict[int, Thresholds]:
    """Return what routers have agreed on, by version; what cannot be read is left out."""
    found = {}
    for name, text in agreements.items():
        version = name.removeprefix(_NAME.encode())
        if version != name and _VERSION.fullmatch(version):
            with contextlib.suppress(ValueError):
                found[int(version)] = Thresholds.parse(text.decode(errors="replace"))
    return found
