"""``chargelight notify``: do alerts arrive, and what waits?"""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from services.cli.api import address
from services.cli.commands.arguments import Most
from services.cli.failures import RefusedError
from services.cli.session import session_of

notify = typer.Typer(
    help="Alerts to people and to other systems (for admins).", no_args_is_help=True
)

_TRIED: Final = ["destination", "where", "delivered", "seconds", "error"]
_DELIVERIES: Final = [
    *("at", "kind", "ended", "device", "destination", "state", "attempts", "next_try_at"),
    *("last_error", "event"),
]


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    GIVEN_UP = "given_up"
    DELIVERED = "delivered"


@notify.command("test")
def test(context: typer.Context) -> None:
    """Send a test to every destination now, and say how each took it."""
    session = session_of(context)
    items = session.api.post(address("notifications", "tests"))["items"]
    session.output.table(items, _TRIED)
    if failed := [each["destination"] for each in items if not each["delivered"]]:
        raise RefusedError(f"it did not arrive at {', '.join(failed)}")


@notify.command("list")
def every(
    context: typer.Context,
    *,
    state: Annotated[
        State | None, typer.Option(help="Only those that stand so; else all that did not arrive.")
    ] = None,
    most: Most = 50,
) -> None:
    """List what waits to be delivered and what was given up, the newest first."""
    session = session_of(context)
    found = session.api.pages(address("notifications"), most, state=state and state.value)
    session.output.table(found, _DELIVERIES)


@notify.command("retry")
def retry(
    context: typer.Context,
    *,
    event: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Only this event, as the list shows it.")
    ] = None,
) -> None:
    """Try again what was given up; it has another 24 hours."""
    session = session_of(context)
    body = {} if event is None else {"event": str(event)}
    session.output.fields(session.api.post(address("notifications", "retries"), body))
