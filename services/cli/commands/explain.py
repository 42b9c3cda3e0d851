"""``chargelight explain``: why is this light as it is?"""

from typing import Annotated, Any

import typer

from services.cli.commands.arguments import DeviceId
from services.cli.output import local_time
from services.cli.session import session_of

_MARKS = {"right": "✓", "wrong": "✗", "unknown": "?", "note": "·"}
_WIDTH = 16


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
    kind = "widgets" if widget else "chargers"
    answer = session.api.get(f"/{kind}/{device_id}/explanation")
    session.output.line(screen(answer), answer)


def screen(explanation: dict[str, Any]) -> str:
    """Return an explanation as a text for a terminal."""
    lines = [explanation["title"], ""]
    for finding in explanation["findings"]:
        mark = _MARKS[finding["mark"]]
        text = " ".join(_spoken(part) for part in finding["text"].split(" "))
        lines.append(f"  {mark} {finding['about']:<{_WIDTH}} {text}")
    lines += ["", explanation["verdict"]]
    if explanation["remedy"]:
        lines.append(explanation["remedy"])
    return "\n".join(lines)


def _spoken(word: str) -> str:
    ending = "," if word.endswith(",") else ""
    return local_time(word.removesuffix(",")) + ending
