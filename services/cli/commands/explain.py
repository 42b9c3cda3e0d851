"""``chargelight explain``: why is this light as it is?"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from services.cli.api import Address, address
from services.cli.commands.arguments import DeviceId
from services.cli.output import with_local_times
from services.cli.session import session_of

_MARKS: Final = {"right": "✓", "wrong": "✗", "unknown": "?", "note": "·"}
_WIDTH: Final = 16


def explain(
    context: typer.Context,
    device_id: DeviceId,
    *,
    charger: Annotated[bool, typer.Option("--charger", help="The id is a charger's.")] = False,
    widget: Annotated[bool, typer.Option("--widget", help="The id is a widget's.")] = False,
) -> None:
    """Say on one screen why a light is as it is, and what to do if it is wrong.

    The id is a charger's or a widget's. Only where both have the same id, say which.
    """
    session = session_of(context)
    answer = session.api.get(_where(device_id, charger=charger, widget=widget))
    session.output.line(screen(answer), answer)


def _where(device_id: str, *, charger: bool, widget: bool) -> Address:
    if charger is widget:
        return address("explanations", device_id)
    return address("chargers" if charger else "widgets", device_id, "explanation")


def screen(explanation: Mapping[str, Any]) -> str:
    """Return an explanation as a text for a terminal."""
    lines = [explanation["title"], ""]
    for finding in explanation["findings"]:
        mark = _MARKS.get(finding["mark"], "?")
        lines.append(f"  {mark} {finding['about']:<{_WIDTH}} {with_local_times(finding['text'])}")
    lines += ["", with_local_times(explanation["verdict"])]
    if explanation["remedy"]:
        lines.append(explanation["remedy"])
    return "\n".join(lines)
