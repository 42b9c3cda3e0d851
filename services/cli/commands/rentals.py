"""``chargelight rentals``: one visitor's phone in one charger."""

import shlex
import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from services.cli.api import Items, address
from services.cli.commands.arguments import (
    ChargerId,
    Most,
    OfBooth,
    Replace,
    Watch,
    device_id,
    is_rental_id,
    rental_id,
)
from services.cli.failures import RefusedError, UnreachableError
from services.cli.output import Column, in_words
from services.cli.session import Session, session_of, show
from services.cli.watching import watch

group = typer.Typer(
    help="Visitors' phones in chargers.", no_args_is_help=True, invoke_without_command=True
)

_OPEN: Final = "open rental"
_MISSING: Final = "rental with a missing widget"

_RentalId = Annotated[
    str,
    typer.Argument(metavar="RENTAL", callback=rental_id, help="A rental's id, short or long."),
]
_Charger = Annotated[str | None, typer.Option(help="Of this charger.")]
_Widget = Annotated[str | None, typer.Option(help="Of this widget.")]
_Ticket = Annotated[str | None, typer.Option(help="Of this ticket.")]


class State(StrEnum):
    """Whether the phone is still there."""

    OPEN = "open"
    COLLECTED = "collected"


class Order(StrEnum):
    """Which come first."""

    NEWEST = "newest"
    WAITING = "waiting"


@group.command("open")
def open_(
    context: typer.Context,
    charger: ChargerId,
    widget: Annotated[
        str | None,
        typer.Argument(
            metavar="WIDGET",
            callback=device_id,
            help="Default: the one that the charger is paired with.",
        ),
    ] = None,
    *,
    ticket: Annotated[str | None, typer.Option(help="Number on the visitor's ticket.")] = None,
    replace: Replace = False,
    rental: Annotated[
        uuid.UUID | None,
        typer.Option("--id", metavar="RENTAL", help="To repeat a hand-over that got no answer."),
    ] = None,
) -> None:
    """Hand a widget over for a phone."""
    session = session_of(context)
    rental = rental or uuid.uuid4()
    body: dict[str, Any] = {"charger": charger}
    if widget is not None:
        body["widget"] = widget
    if ticket is not None:
        body["ticket"] = ticket
    try:
        answer = session.api.put(address("rentals", str(rental)), body, replace=replace or None)
    except UnreachableError as error:
        raise UnreachableError(
            f"{error}\nThe hand-over may have happened. Repeat the command with --id {rental}, "
            "and it does not happen twice"
        ) from error
    session.output.fields(answer)


@group.command("show")
def show_one(context: typer.Context, rental: _RentalId) -> None:
    """Show a rental."""
    show(context, "rentals", rental)


@group.command("history")
def history(context: typer.Context, rental: _RentalId) -> None:
    """Show how full the phone was over time, its lights, and when it will be ready."""
    session = session_of(context)
    answer = session.api.get(address("rentals", rental, "history"))
    rows = [*answer["levels"], *answer["lights"]]
    rows.sort(key=lambda each: datetime.fromisoformat(each["at"]))
    lines = session.output.table_lines(rows, ["at", "level", "light"])
    if answer["estimate"] is not None:
        lines += [Text(), Text(f"ready: {_ready(answer['estimate'])}")]
    session.output.drawn(lines, answer)


@group.command("visitor-page")
def visitor_page(
    context: typer.Context,
    rental: _RentalId,
    *,
    address_: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            help="What visitors type for this hub, else the registry's URL.",
        ),
    ] = None,
) -> None:
    """Give a visitor a page that shows how the phone charges, until it is collected."""
    session = session_of(context)
    where = address("rentals", rental, "visitor-page")
    answer = session.api.put(where, None, address=address_)
    session.output.line(answer["url"], answer)


@group.command("list")
def every(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option(help="Only those.")] = None,
    charger: _Charger = None,
    widget: _Widget = None,
    booth: OfBooth = None,
    ticket: _Ticket = None,
    charged_for: Annotated[
        int | None,
        typer.Option(min=0, metavar="MINUTES", help="Only full for so long, and not collected."),
    ] = None,
    widget_missing: Annotated[
        bool, typer.Option("--widget-missing", help="Only collected without the widget back.")
    ] = False,
    order: Annotated[
        Order | None,
        typer.Option(help="waiting: what is ready, or missing, for longest comes first."),
    ] = None,
    most: Most = None,
    watch_: Watch = False,
) -> None:
    """List rentals, the newest first."""
    session = session_of(context)
    filters = {
        "state": state,
        "charger": charger,
        "widget": widget,
        "booth": booth,
        "ticket": ticket,
        "charged_for_minutes": charged_for,
        "widget_missing": widget_missing or None,
        "order": order,
    }

    def fetch(fit: int | None = None) -> Items:
        return session.api.pages(address("rentals"), most or fit, **filters)

    if watch_:
        watch(session.output, fetch, _COLUMNS)
    else:
        session.output.table(fetch(), _COLUMNS)


@group.callback()
def phones_there(context: typer.Context, *, watch_: Watch = False) -> None:
    """Watch the rentals that are open, if no command follows."""
    if context.invoked_subcommand is None:
        if not watch_:
            context.fail("Missing command.")
        every(context, state=State.OPEN, watch_=True)
    elif watch_:
        raise typer.BadParameter(
            "before a command it says nothing. Of all rentals: chargelight rentals list --watch",
            param_hint="--watch",
        )


@group.command("collect")
def collect(
    context: typer.Context,
    charger: Annotated[
        str | None,
        typer.Argument(
            metavar="CHARGER",
            callback=device_id,
            help="The charger that the phone is in; or say it by the visitor's widget or ticket.",
        ),
    ] = None,
    *,
    widget: _Widget = None,
    ticket: _Ticket = None,
    rental: Annotated[
        str | None,
        typer.Option("--id", metavar="RENTAL", callback=rental_id, help="This rental."),
    ] = None,
    keep_pairing: Annotated[
        bool | None,
        typer.Option(
            "--keep-pairing/--end-pairing",
            help="Whether the two stay a pair. Default: if they were one before the rental.",
        ),
    ] = None,
    widget_kept: Annotated[
        bool, typer.Option("--widget-kept", help="The visitor did not give the widget back.")
    ] = False,
) -> None:
    """Give a phone back."""
    named = {"charger": charger, "widget": widget, "ticket": ticket}
    _require_one_way(rental, named, "CHARGER, --widget, --ticket or --id")
    session = session_of(context)
    found = rental or _only_one(session, _OPEN, "--state open", named)
    body: dict[str, Any] = {"widget_returned": not widget_kept}
    if keep_pairing is not None:
        body["pairing"] = "keep" if keep_pairing else "end"
    answer = session.api.put(address("rentals", found, "collection"), body)
    session.output.fields(answer)
    if keep_pairing is None and answer.get("paired_before") and not answer.get("pairing_kept"):
        session.output.note(_no_pair_any_more(answer))


@group.command("return-widget")
def return_widget(
    context: typer.Context,
    rental: Annotated[
        str | None,
        typer.Argument(
            metavar="RENTAL",
            callback=rental_id,
            help="The rental; or say it by the widget or ticket.",
        ),
    ] = None,
    *,
    widget: _Widget = None,
    ticket: _Ticket = None,
) -> None:
    """Note that a widget came back after its phone was collected."""
    named = {"widget": widget, "ticket": ticket}
    _require_one_way(rental, named, "RENTAL, --widget or --ticket")
    session = session_of(context)
    found = rental or _only_one(session, _MISSING, "--widget-missing", named)
    session.output.fields(session.api.put(address("rentals", found, "widget-return"), {}))


def _ready(estimate: Mapping[str, Any]) -> str:
    """Say when a phone will be ready."""
    ranges = {"80 %": estimate["to_80"], "100 %": estimate["to_100"]}
    said = [
        f"{level} in {each['earliest_minutes']} to {each['latest_minutes']} min"
        for level, each in ranges.items()
        if each is not None
    ]
    return ", ".join(said) or f"{estimate['unknown'] or 'now'}".replace("_", " ")


def _no_pair_any_more(rental: Mapping[str, Any]) -> str:
    charger, widget = rental.get("charger"), rental.get("widget") or "WIDGET"
    return (
        f"{charger} had a widget of its own before this rental, and has none any more. When the "
        f"widget is there: chargelight pairings pair {charger} {widget}"
    )


def _require_one_way(rental: str | None, named: Mapping[str, str | None], hint: str) -> None:
    by_name = any(value is not None for value in named.values())
    if by_name is (rental is not None):
        what = "either by its id or by what it is" if by_name else "which one"
        raise typer.BadParameter(f"say {what}", param_hint=hint)


def _only_one(session: Session, which: str, option: str, named: Mapping[str, str | None]) -> str:
    """Return the id of the one rental of a kind that has what is named.

    ``option`` is the kind as an option of ``rentals list``.

    Raises:
        RefusedError: There is none, or there are several.
    """
    given = {name: value for name, value in named.items() if value is not None}
    filters = {"state": "open"} if which == _OPEN else {"widget_missing": True}
    found = list(session.api.pages(address("rentals"), 2, **filters, **given))
    if len(found) == 1:
        return str(found[0]["id"])
    described = f"{which} of " + " and ".join(f"{name} {value}" for name, value in given.items())
    if not found:
        _require_registered(session, given)
        raise RefusedError(f"there is no {described}")
    options = " ".join(f"--{name} {shlex.quote(value)}" for name, value in given.items())
    raise RefusedError(
        f"there is more than one {described}. Look which it is, and give its id: "
        f"chargelight rentals list {option} {options}"
    )


def _require_registered(session: Session, given: Mapping[str, str]) -> None:
    """Let the registry say what is wrong with an id that no device has."""
    for kind in given.keys() & {"charger", "widget"}:
        try:
            session.api.get(address(f"{kind}s", given[kind]))
        except RefusedError as error:
            if not is_rental_id(given[kind]):
                raise
            hint = f"Is it a rental's id? Then type --id {shlex.quote(given[kind])}"
            raise RefusedError(f"{error}\n{hint}", error.problem) from error


def state_of(rental: Mapping[str, Any]) -> str:
    """Say how it stands with a rental."""
    if rental.get("collected_at"):
        missing = "" if rental.get("widget_returned_at") else ", widget missing"
        return f"collected {in_words(rental['collected_at'])}{missing}"
    if rental.get("reached_100_at"):
        return f"charged since {in_words(rental['reached_100_at'])}"
    if rental.get("reached_80_at"):
        return f"80 % since {in_words(rental['reached_80_at'])}"
    return "charging"


def place(rental: Mapping[str, Any]) -> str | None:
    """Say where the charger is, as far as an older registry tells."""
    said = (rental.get(name) for name in ("booth", "location", "label"))
    return ", ".join(filter(None, said)) or None


_COLUMNS: Final[list[str | Column]] = [
    Column("id", lambda rental: rental.get("short_id", rental.get("id"))),
    "charger",
    Column("place", place),
    "widget",
    "ticket",
    "opened_at",
    Column("state", state_of),
]
