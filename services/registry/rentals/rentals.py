"""Rentals in Postgres."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed, fetch_one, fetch_value
from services.registry.rentals.transitions import Pairing, ReachedTimes


class PublicRental(BaseModel):
    """What clients are told of a rental."""

    id: UUID = Field(description="The id that was chosen when it was opened")
    charger: str = Field(description="Where the phone is, or was", examples=["c1234"])
    booth: str | None = Field(description="In which booth; null: in none", examples=["main-stage"])
    label: str | None = Field(
        description="What people call the charger; null: it is not registered any more",
        examples=["Booth 3, left"],
    )
    location: str | None = Field(
        description="Where the charger stands; null: as `label`", examples=["second shelf"]
    )
    widget: str | None = Field(
        description="What the visitor was given; null: it was paired with another charger since",
        examples=["wABCD"],
    )
    ticket: str | None = Field(description="What stands on the visitor's ticket", examples=["0815"])
    opened_at: datetime = Field(description="When the phone was handed over")
    reached_80_at: datetime | None = Field(description="When its light became yellow")
    reached_100_at: datetime | None = Field(description="When its light became green")
    collected_at: datetime | None = Field(
        description="When the phone was given back; null: not yet"
    )
    widget_returned_at: datetime | None = Field(
        description="When the widget came back; null: it did not"
    )
    paired_before: bool = Field(
        description="Whether the two were a pair before the hand-over. Then they stay one when "
        "the phone is collected, if nothing else is asked for and the widget is back"
    )
    pairing_kept: bool | None = Field(
        description="Whether they stayed a pair at the collection; null: it is not collected, or "
        "they were no pair any more"
    )
    pairing_number: int = Field(
        description="Number of the pairing that it began with", examples=[8]
    )


class Rental(PublicRental):
    """One visitor's phone in one charger."""

    opening_number: int
    """Grows with each rental that is opened."""
    ended_number: int | None
    """The first number that does not belong to it any more; None: it has not ended."""


COLUMNS: Final = SQL("""
    id, opening_number, charger_id AS charger, booth,
    (SELECT label FROM chargers WHERE chargers.id = charger_id) AS label,
    (SELECT location FROM chargers WHERE chargers.id = charger_id) AS location,
    widget_id AS widget, ticket, opened_at,
    reached_80_at, reached_100_at, collected_at, widget_returned_at, paired_before, pairing_kept,
    pairing_number, ended_number
""")

_FIND: Final = SQL("""
    SELECT {columns}
    FROM rentals
    WHERE id = %(id)s OR opening_number = %(number)s
""").format(columns=COLUMNS)

# A widget that is handed out again has come back.
_RETURNED_BY_OTHERS: Final = """
    UPDATE rentals
    SET widget_returned_at = clock_timestamp()
    WHERE widget_id = %(widget)s AND collected_at IS NOT NULL AND widget_returned_at IS NULL
"""

_INSERT: Final = SQL("""
    INSERT INTO rentals (id, charger_id, widget_id, ticket, paired_before, pairing_number)
    VALUES (%(id)s, %(charger)s, %(widget)s, %(ticket)s, %(paired_before)s, %(number)s)
    RETURNING {columns}
""").format(columns=COLUMNS)

_COLLECT: Final = SQL("""
    UPDATE rentals
    SET collected_at = clock_timestamp(),
        ended_number = %(number)s,
        pairing_kept = %(pairing_kept)s,
        widget_returned_at = CASE WHEN %(returned)s AND widget_id IS NOT NULL
                             THEN clock_timestamp() END
    WHERE id = %(id)s
    RETURNING {columns}
""").format(columns=COLUMNS)

_END_VISITOR_PAGE: Final = "DELETE FROM visitor_codes WHERE rental = %(id)s"

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


async def find(connection: Connection, which: UUID | int) -> Rental | None:
    """Return a rental by its id or by its opening number, or None."""
    by_id = isinstance(which, UUID)
    values = {"id": which if by_id else None, "number": None if by_id else which}
    return await fetch_one(connection, Rental, _FIND, values)


async def open_(
    connection: Connection,
    rental_id: UUID,
    *,
    charger: str,
    widget: str,
    ticket: str | None,
    paired_before: bool,
    pairing_number: int,
) -> Rental:
    """Open a rental of a free charger and its widget, with a pairing number drawn for it.

    An earlier rental that missed this widget has it back.
    """
    await connection.execute(_RETURNED_BY_OTHERS, {"widget": widget})
    values = {
        "id": rental_id,
        "charger": charger,
        "widget": widget,
        "ticket": ticket,
        "paired_before": paired_before,
        "number": pairing_number,
    }
    return await fetch_changed(connection, Rental, _INSERT, values)


async def collect(
    connection: Connection,
    rental: Rental,
    *,
    number: int,
    widget_returned: bool,
    pairing_kept: bool | None,
) -> Rental:
    """Close an open rental.

    ``number`` is its charger's, after the pairing ended or got a new number.
    """
    values = {
        "id": rental.id,
        "number": number,
        "returned": widget_returned,
        "pairing_kept": pairing_kept,
    }
    await connection.execute(_END_VISITOR_PAGE, values)
    return await fetch_changed(connection, Rental, _COLLECT, values)


async def return_widget(connection: Connection, rental_id: UUID) -> Rental | None:
    """Note that a widget came back; None: its phone is not collected, or it has none."""
    return await fetch_one(connection, Rental, _RETURN, {"id": rental_id})


async def number_of_charger(connection: Connection, charger: str) -> int | None:
    """Return the number of the last change of a charger; None: it was never registered."""
    number: int | None = await fetch_value(connection, _NUMBER_OF_CHARGER, {"charger": charger})
    return number


async def record(connection: Connection, what: Mapping[Pairing, ReachedTimes]) -> None:
    """Note when phones reached 80 % and 100 %, in the rentals that these pairings belong to.

    Needs a write transaction. A phone that reached 100 % has reached 80 % too, at the same
    time or before.
    """
    values = {
        "chargers": [pairing.charger for pairing in what],
        "numbers": [pairing.number for pairing in what],
        "at_80": [each.at_80 for each in what.values()],
        "at_100": [each.at_100 for each in what.values()],
    }
    await connection.execute(_RECORD, values)
