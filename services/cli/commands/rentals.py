"""``chargelight rentals``: one visitor's phone in one charger."""

import uuid
from typing import Annotated, Any

import typer

from services.cli.commands.arguments import ChargerId, Most, Replace
from services.cli.session import Session, session_of

group = typer.Typer(help="Visitors' phones in chargers.", no_args_is_help=True)

_RentalId = Annotated[uuid.UUID, typer.Argument(metavar="RENTAL")]
_COLUMNS = [
    "id",
    "charger",
    "widget",
    "ticket",
    "opened_at",
    "reached_80_at",
    "reached_100_at",
    "collected_at",
    "widget_returned_at",
]


@group.command("open")
def open_(
    context: typer.Context,
    charger: ChargerId,
    widget: Annotated[str | None, typer.Argument(metavar="[WIDGET]")] = None,
    *,
    ticket: Annotated[str | None, typer.Option(help="Number on the visitor's ticket.")] = None,
    replace: Replace = False,
) -> None:
    """Hand a widget over for a phone. Without WIDGET: the one that the charger is paired with."""
    session = session_of(context)
    wish: dict[str, Any] = {"charger": charger}
    if widget is not None:
        wish["widget"] = widget
    if ticket is not None:
        wish["ticket"] = ticket
    path = f"/rentals/{uuid.uuid4()}"
    session.output.fields(session.api.put(path, wish, replace=replace or None))


@group.command("show")
def show(context: typer.Context, rental: _RentalId) -> None:
    """Show a rental."""
    session = session_of(context)
    session.output.fields(session.api.get(f"/rentals/{rental}"))


@group.command("list")
def every(
    context: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(help="open or collected")] = None,
    charger: Annotated[str | None, typer.Option(help="Only of this charger.")] = None,
    widget: Annotated[str | None, typer.Option(help="Only of this widget.")] = None,
    ticket: Annotated[str | None, typer.Option(help="Only of this ticket.")] = None,
    charged_for_minutes: Annotated[
        int | None, typer.Option(min=0, help="Only full for so long, and not collected.")
    ] = None,
    widget_missing: Annotated[
        bool, typer.Option("--widget-missing", help="Only collected without the widget back.")
    ] = False,
    most: Most = None,
) -> None:
    """List rentals, the newest first."""
    session = session_of(context)
    items = session.api.pages(
        "/rentals",
        most,
        state=state,
        charger=charger,
        widget=widget,
        ticket=ticket,
        charged_for_minutes=charged_for_minutes,
        widget_missing=widget_missing or None,
    )
    session.output.table(items, _COLUMNS)


@group.command("collect")
def collect(
    context: typer.Context,
    charger: ChargerId,
    *,
    keep_pairing: Annotated[
        bool, typer.Option("--keep-pairing", help="The two stay a pair, for the next visitor.")
    ] = False,
    widget_kept: Annotated[
        bool, typer.Option("--widget-kept", help="The visitor did not give the widget back.")
    ] = False,
) -> None:
    """Give the phone in a charger back."""
    session = session_of(context)
    rental = _open_in(session, charger)
    wish = {"pairing": "keep" if keep_pairing else "end", "widget_returned": not widget_kept}
    session.output.fields(session.api.put(f"/rentals/{rental}/collection", wish))


@group.command("return-widget")
def return_widget(context: typer.Context, rental: _RentalId) -> None:
    """Note that a widget came back after its phone was collected."""
    session = session_of(context)
    session.output.fields(session.api.put(f"/rentals/{rental}/widget-return", {}))


def _open_in(session: Session, charger: str) -> str:
    for rental in session.api.pages("/rentals", 1, state="open", charger=charger):
        return str(rental["id"])
    raise typer.BadParameter(f"there is no phone in {charger}: it has no open rental")
