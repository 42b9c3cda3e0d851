"""``chargelight doctor``: is anything open, old, about to end or unusual?"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from services.cli.doctor.diagnosis import Line, diagnose
from services.cli.doctor.finding import Mark
from services.cli.doctor.health_ports import health_urls
from services.cli.doctor.looking import Place, Places, look
from services.cli.session import session_of

_SIGNS: Final = {Mark.RIGHT: "✓", Mark.WRONG: "✗", Mark.UNKNOWN: "?", Mark.NOTE: "·"}
_WIDTH: Final = 16


def _place(text: str) -> Place:
    parts = urlsplit(text if "://" in text else f"//{text}")
    with contextlib.suppress(ValueError):
        if parts.hostname and parts.port:
            return Place(parts.hostname, parts.port)
    raise typer.BadParameter("it must be a host and a port: hub.example.org:3100")


def doctor(
    context: typer.Context,
    *,
    chargers: Annotated[
        Place | None,
        typer.Option(parser=_place, metavar="HOST:PORT", help="The port of chargers."),
    ] = None,
    widgets: Annotated[
        Place | None,
        typer.Option(parser=_place, metavar="HOST:PORT", help="The port of widgets."),
    ] = None,
    health: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            callback=health_urls,
            help="Health port of a service: http://127.0.0.1:3101",
        ),
    ] = None,
) -> None:
    """Look at a running hub, and say what is open, old, about to end or unusual.

    It needs an admin's key where keys are required. It tries what a stranger would try: a request
    without a key, a handshake without a secret, old TLS. Exit code 1: there is something to do.
    """
    session = session_of(context)
    places = Places(chargers, widgets, health or ())
    lines = list(diagnose(look(session.api, places, datetime.now(UTC))))
    to_do = sum(line.finding.mark is Mark.WRONG for line in lines)
    answer = {
        "registry": session.api.url,
        "to_do": to_do,
        "findings": [
            {
                "about": about,
                "mark": finding.mark.value,
                "text": finding.text,
                "remedy": finding.remedy or None,
            }
            for about, finding in lines
        ],
    }
    session.output.line(screen(session.api.url, lines, to_do), answer)
    if to_do:
        raise typer.Exit(1)


def screen(url: str, lines: Sequence[Line], to_do: int) -> str:
    """Return the findings as a text for a terminal."""
    shown = [f"the hub of {url}", ""]
    for about, finding in lines:
        shown.append(f"  {_SIGNS[finding.mark]} {about:<{_WIDTH}} {finding.text}")
        if finding.remedy:
            shown.append(f"    {'':<{_WIDTH}} → {finding.remedy}")
    verdict = f"Things to do: {to_do}" if to_do else "Nothing to do, as far as is seen from here."
    return "\n".join([*shown, "", verdict])
