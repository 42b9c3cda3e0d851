"""``chargelight find``: what does this code mean, or this part of a ticket?"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import OfBooth
from services.cli.commands.rentals import place, state_of
from services.cli.output import Column
from services.cli.session import session_of


def find(
    context: typer.Context,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="A scanned code, or a part of an id, a label or a ticket."
        ),
    ],
    *,
    booth: OfBooth = None,
) -> None:
    """Find chargers, widgets and rentals by what was scanned or typed."""
    session = session_of(context)
    answer = session.api.get(address("find"), q=text, booth=booth)
    session.output.table(answer["items"], _COLUMNS)
    if answer["more"]:
        session.output.note("There are more: type more of it")


def _rental(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item["rental"] or {}


def _id(item: Mapping[str, Any]) -> object:
    return item["rental"]["short_id"] if item["what"] == "rental" else item[item["what"]]["id"]


_COLUMNS: Final[list[str | Column]] = [
    "what",
    Column("id", _id),
    Column("place", lambda item: place(item[item["what"]])),
    Column("charger", lambda item: (item["widget"] or _rental(item)).get("charger")),
    Column("widget", lambda item: (item["charger"] or _rental(item)).get("widget")),
    Column("rental", lambda item: _rental(item).get("short_id")),
    Column("ticket", lambda item: _rental(item).get("ticket")),
    Column("state", lambda item: state_of(_rental(item)) if item["rental"] else None),
]
