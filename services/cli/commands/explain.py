"""``chargelight explain``: why is this light as it is?"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import DeviceId
from services.cli.output import local_time
from services.cli.session import session_of

_MARKS: Final = {"right": "✓", "wrong": "✗", "unknown": "?", "note": "·"}
_WIDTH: Final = 16
_TIME: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def explain(
    context: typer.Context,
    device_id: DeviceId,
    *,
    widget: Annotated[
        bool, typer.Option("--widget", help="The id is a widget's (default: a charger's).")
    ] = False,
) -> None:
    """Say on one screen why a light is as it is, and what to do if it is wrong."""
    session = session_of(context)
    kinds = "widgets" if widget else "chargers"
    answer = session.api.get(address(kinds, device_id, "explanation"))
    session.output.line(screen(answer), answer)


def screen(explanation: Mapping[str, Any]) -> str:
    """Return an explanation as a text for a terminal."""
    lines = [explanation["title"], ""]
    for finding in explanation["findings"]:
        mark = _MARKS.get(finding["mark"], "?")
        lines.append(f"  {mark} {finding['about']:<{_WIDTH}} {_with_local_times(finding['text'])}")
    lines += ["", _with_local_times(explanation["verdict"])]
    if explanation["remedy"]:
        lines.append(explanation["remedy"])
    return "\n".join(lines)


def _with_local_times(text: str) -> str:
    """Return a text with its times in this machine's own zone."""
    return _TIME.sub(lambda found: local_time(found[0]), text)
