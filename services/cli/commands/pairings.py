"""``chargelight pairings``."""

from typing import Annotated

import typer

from services.cli.commands.arguments import ChargerId, Most, Replace, WidgetId
from services.cli.session import session_of

group = typer.Typer(help="Who lights whom.", no_args_is_help=True)

_COLUMNS = ["charger", "widget", "pairing_number", "paired_at"]


@group.command("list")
def every(
    context: typer.Context,
    location: Annotated[str | None, typer.Option(help="Only chargers at this location.")] = None,
    most: Most = None,
) -> None:
    """List pairings."""
    session = session_of(context)
    session.output.table(session.api.pages("/pairings", most, location=location), _COLUMNS)


@group.command("show")
def show(context: typer.Context, charger: ChargerId) -> None:
    """Show a charger's pairing."""
    session = session_of(context)
    session.output.fields(session.api.get(f"/pairings/{charger}"))


@group.command("of-widget")
def of_widget(context: typer.Context, widget: WidgetId) -> None:
    """Show a widget's pairing."""
    session = session_of(context)
    session.output.fields(session.api.get(f"/widgets/{widget}/pairing"))


@group.command("pair")
def pair(
    context: typer.Context, charger: ChargerId, widget: WidgetId, *, replace: Replace = False
) -> None:
    """Pair a charger with a widget."""
    session = session_of(context)
    answer = session.api.put(f"/pairings/{charger}", {"widget": widget}, replace=replace or None)
    session.output.fields(answer)


@group.command("unpair")
def unpair(context: typer.Context, charger: ChargerId) -> None:
    """End a charger's pairing: its widget goes dark."""
    session = session_of(context)
    session.api.delete(f"/pairings/{charger}")
    session.output.line(f"{charger} is not paired any more", {"charger": charger})
