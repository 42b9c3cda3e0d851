"""Open rentals: until a phone is collected, its charger and widget are not free."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from services.registry.errors import RentalIsOpenError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_one
from services.registry.postgres.tables import pairing_columns
from shared.contract.devices import Kind


@dataclass(frozen=True, slots=True)
class OpenRental:
    """The phone that is in a charger."""

    id: UUID
    opening_number: int
    charger: str
    widget: str | None
    ticket: str | None
    opened_at: datetime


_FIND: Final = SQL("""
    SELECT id, opening_number, charger_id AS charger, widget_id AS widget, ticket, opened_at
    FROM rentals
    WHERE {own} = %(device)s AND collected_at IS NULL
""")


async def find(connection: Connection, kind: Kind, device_id: str) -> OpenRental | None:
    """Return the open rental of a charger or a widget."""
    own, _ = pairing_columns(kind)
    return await fetch_one(connection, OpenRental, _FIND.format(own=own), {"device": device_id})


async def require_empty(connection: Connection, charger: str) -> None:
    """Check that there is no phone in a charger.

    Raises:
        RentalIsOpenError: There is one.
    """
    rental = await find(connection, Kind.CHARGER, charger)
    if rental is not None:
        raise _rental_is_open(rental, f"there is a phone in {charger}", "")


async def require_free(
    connection: Connection, widget: str, *, but_for: str | None = None, remedy: str = ""
) -> None:
    """Check that no visitor has a widget, except the one with a phone in ``but_for``.

    Raises:
        RentalIsOpenError: A visitor has it.
    """
    rental = await find(connection, Kind.WIDGET, widget)
    if rental is not None and rental.charger != but_for:
        problem = f"a visitor has {widget}, whose phone is in {rental.charger}"
        raise _rental_is_open(rental, problem, remedy)


def _rental_is_open(rental: OpenRental, problem: str, remedy: str) -> RentalIsOpenError:
    ticket = f", ticket {rental.ticket}" if rental.ticket else ""
    return RentalIsOpenError(
        f"{problem} since {rental.opened_at:%Y-%m-%dT%H:%M:%SZ}{ticket}. Have it collected first "
        f"(PUT /rentals/{rental.id}/collection; chargelight rentals collect {rental.charger})"
        f"{remedy}",
        rental=str(rental.id),
        charger=rental.charger,
        widget=rental.widget,
        ticket=rental.ticket,
    )
