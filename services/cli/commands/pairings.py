"""``chargelight pairings``, and the commands of ``chargelight widgets`` that pair."""

from typing import Annotated

import typer

from services.cli.api import address
from services.cli.commands.arguments import Canaries, ChargerId, Most, OfBooth, Replace, WidgetId
from services.cli.session import session_of, show

group = typer.Typer(help="Which charger lights which widget.", no_args_is_help=True)

_COLUMNS = ["charger", "widget", "pairing_number", "paired_at"]


@group.command("list")
def every(
    context: typer.Context,
    *,
    charger: Annotated[str | None, typer.Option(help="Only of this charger.")] = None,
    widget: Annotated[str | None, typer.Option(help="Only of this widget.")] = None,
    location: Annotated[str | None, typer.Option(help="Only chargers at this location.")] = None,
    booth: OfBooth = None,
    canary: Canaries = None,
    most: Most = None,
) -> None:
    """List pairings."""
    session = session_of(context)
    items = session.api.pages(
        address("pairings"),
        most,
        charger=charger,
        widget=widget,
        location=location,
        booth=booth,
        canary=canary,
    )
    session.output.table(items, _COLUMNS)


@group.command("show")
def show_one(context: typer.Context, charger: ChargerId) -> None:
    """Show a charger's pairing; for a widget's: chargelight widgets pairing."""
    show(context, "pairings", charger)


@group.command("pair")
def pair(
    context: typer.Context, charger: ChargerId, widget: WidgetId, *, replace: Replace = False
) -> None:
    """Pair a charger with a widget."""
    session = session_of(context)
    answer = session.api.put(
        address("pairings", charger), {"widget": widget}, replace=replace or None
    )
    session.output.fields(answer)


@group.command("unpair")
def unpair(context: typer.Context, charger: ChargerId) -> None:
    """End a charger's pairing: its widget goes dark."""
    session = session_of(context)
    session.api.delete(address("pairings", charger))
    session.output.line(f"{charger} is not paired any more", {"charger": charger})


def with_widget_side(widgets: typer.Typer) -> typer.Typer:
    """Add the commands that start from a widget, not from a charger."""

    @widgets.command("pairing", help="Show a widget's pairing.")
    def pairing(context: typer.Context, widget: WidgetId) -> None:
        show(context, "widgets", widget, "pairing")

    @widgets.command("pair", help="Pair a widget with a charger.")
    def pair_widget(
        context: typer.Context, widget: WidgetId, charger: ChargerId, *, replace: Replace = False
    ) -> None:
        session = session_of(context)
        answer = session.api.put(
            address("widgets", widget, "pairing"), {"charger": charger}, replace=replace or None
        )
        session.output.fields(answer)

    @widgets.command("unpair", help="End a widget's pairing: it goes dark.")
    def unpair_widget(context: typer.Context, widget: WidgetId) -> None:
        session = session_of(context)
        session.api.delete(address("widgets", widget, "pairing"))
        session.output.line(f"{widget} is not paired any more", {"widget": widget})

    return widgets
