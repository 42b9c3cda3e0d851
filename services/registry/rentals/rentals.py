"""Rentals in Postgres."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row, scalar_row
from psycopg.sql import SQL, Composed

from services.registry.postgres.database import Connection
from services.registry.rentals.transitions import Pairing, ReachedTimes


@dataclass(frozen=True, slots=True)
class Rental:
    """One visitor's phone in one charger."""

    id: UUID
    opening_number: int
    """Grows with each rental that is opened."""
    charger: str
    widget: str | None
    """What the visitor was given; None: it was paired with another charger since."""
    ticket: str | None
    opened_at: datetime
    reached_80_at: datetime | None
    reached_100_at: datetime | None
    collected_at: datetime | None
    widget_returned_at: datetime | None
    pairing_number: int
    """The first number that belongs to it."""
    ended_number: int | None
    """The first number that does not belong to it any more; None: it has not ended."""


COLUMNS: Final = SQL("""
    id, opening_number, charger_id AS charger, widget_id AS widget, ticket, opened_at,
    reached_80_at, reached_100_at, collected_at, widget_returned_at, pairing_number, ended_number
""")

_FIND: Final = SQL("""
    SELECT {columns}
    FROM rentals
    WHERE id = %(id)s
""").format(columns=COLUMNS)

# A widget that is handed out again has come back.
_RETURNED_BY_OTHERS: Final = """
    UPDATE rentals
    SET widget_returned_at = clock_timestamp()
    WHERE widget_id = %(widget)s AND collected_at IS NOT NULL AND widget_returned_at IS NULL
"""

_INSERT: Final = SQL("""
    INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number)
    VALUES (%(id)s, %(charger)s, %(widget)s, %(ticket)s, %(number)s)
    RETURNING {columns}
""").format(columns=COLUMNS)

_COLLECT: Final = SQL("""
    UPDATE rentals
    SET collected_at = clock_timestamp(),
        ended_number = %(number)s,
        widget_returned_at = CASE WHEN %(returned)s AND widget_id IS NOT NULL
                             THEN clock_timestamp() END
    WHERE id = %(id)s
    RETURNING {columns}
""").format(columns=COLUMNS)

# A widget that is returned twice keeps the first time.
_RETURN: Final = SQL("""
    UPDATE rentals
    SET widget_returned_at = coalesce(widget_returned_at, clock_timestamp())
    WHERE id = %(id)s AND collected_at IS NOT NULL AND widget_id IS NOT NULL
    RETURNING {columns}
""").format(columns=COLUMNS)

# Of a charger that is not registered any more, the number of its unregistration.
_NUMBER_OF_CHARGER: Final = """
    SELECT max(pairing_number)
    FROM (
        SELECT pairing_number FROM chargers WHERE id = %(charger)s
        UNION ALL
        SELECT pairing_number FROM unregistered WHERE kind = 'charger' AND id = %(charger)s
    ) AS either
"""

# The earliest time wins, so neither the order nor a repetition matters; and Redis' clock
# may be a little behind.
_RECORD: Final = """
    WITH news AS (
        SELECT charger_id, number, at_80, at_100
        FROM unnest(%(chargers)s::text[], %(numbers)s::bigint[],
                    %(at_80)s::timestamptz[], %(at_100)s::timestamptz[])
             AS news (charger_id, number, at_80, at_100)
    ), found AS (
        SELECT rentals.id, min(news.at_80) AS at_80, min(news.at_100) AS at_100
        FROM news
        JOIN rentals ON rentals.charger_id = news.charger_id
                    AND rentals.pairing_number <= news.number
                    AND (rentals.ended_number IS NULL OR news.number < rentals.ended_number)
        GROUP BY rentals.id
    )
    UPDATE rentals
    SET reached_80_at = least(rentals.reached_80_at, greatest(found.at_80, rentals.opened_at)),
        reached_100_at = CASE WHEN found.at_100 IS NULL THEN rentals.reached_100_at
                         ELSE least(rentals.reached_100_at,
                                    greatest(found.at_100, rentals.opened_at)) END
    FROM found
    WHERE rentals.id = found.id
"""


async def find(connection: Connection, rental_id: UUID) -> Rental | None:
    """Return a rental, or None."""
    return await _one(connection, _FIND, {"id": rental_id})


async def open_(
    connection: Connection,
    rental_id: UUID,
    *,
    charger: str,
    widget: str,
    ticket: str | None,
    pairing_number: int,
) -> Rental:
    """Open a rental. An earlier one that missed this widget has it back.

    Args:
        connection: One of ``Database.write_transaction``.
        rental_id: A new id.
        charger: Without an open rental.
        widget: Paired with the charger.
        ticket: Of the visitor; None: none.
        pairing_number: Of their pairing, drawn for this rental.
    """
    await connection.execute(_RETURNED_BY_OTHERS, {"widget": widget})
    values = {
        "id": rental_id,
        "charger": charger,
        "widget": widget,
        "ticket": ticket,
        "number": pairing_number,
    }
    opened = await _one(connection, _INSERT, values)
    assert opened is not None  # noqa: S101 - INSERT … RETURNING returns the row
    return opened


async def collect(
    connection: Connection, rental: Rental, *, number: int, widget_returned: bool
) -> Rental:
    """Close a rental.

    Args:
        connection: One of ``Database.write_transaction``.
        rental: An open rental.
        number: Its charger's number, after the pairing ended or got a new number.
        widget_returned: Whether the visitor gave the widget back.
    """
    values = {"id": rental.id, "number": number, "returned": widget_returned}
    collected = await _one(connection, _COLLECT, values)
    assert collected is not None  # noqa: S101 - it is there: this transaction is the only writer
    return collected


async def return_widget(connection: Connection, rental_id: UUID) -> Rental | None:
    """Note that a widget came back; None: its phone is not collected, or it has none."""
    return await _one(connection, _RETURN, {"id": rental_id})


async def number_of_charger(connection: Connection, charger: str) -> int | None:
    """Return the number of the last change of a charger; None: it was never registered."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_NUMBER_OF_CHARGER, {"charger": charger})
        number: int | None = await cursor.fetchone()
        return number


async def record(connection: Connection, what: Mapping[Pairing, ReachedTimes]) -> None:
    """Note when phones reached 80 % and 100 %, in the rentals that these pairings belong to.

    A phone that reached 100 % has reached 80 % too, at the same time or before.

    Args:
        connection: One of ``Database.write_transaction``.
        what: The times, by pairing.
    """
    values = {
        "chargers": [pairing.charger for pairing in what],
        "numbers": [pairing.number for pairing in what],
        "at_80": [each.at_80 for each in what.values()],
        "at_100": [each.at_100 for each in what.values()],
    }
    await connection.execute(_RECORD, values)


async def _one(
    connection: Connection, query: Composed, values: Mapping[str, object]
) -> Rental | None:
    async with connection.cursor(row_factory=class_row(Rental)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()
