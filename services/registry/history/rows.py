"""The history of rentals in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_value
from shared.contract.device_protocol import ChargingStatus


class OpenRental(NamedTuple):
    """A phone that is in a charger.

    Attributes:
        rental: Its id.
        charger: Where the phone is.
        first: The pairing number that the rental began with.
        newest: The charger's present number: what is greater is of another rental.
    """

    rental: UUID
    charger: str
    first: int
    newest: int


class NewLevel(NamedTuple):
    """A phone is so full now."""

    rental: UUID
    at: datetime
    level: int


class ReadLevel(NamedTuple):
    """A level, as it is in Postgres."""

    number: int
    rental: UUID
    at: datetime
    level: int


class Light(NamedTuple):
    """A light changed."""

    charger: str
    number: int
    """Of its pairing."""
    at: datetime
    light: ChargingStatus


class LevelAt(BaseModel):
    """How full a phone was."""

    at: datetime = Field(description="When it was last so full")
    level: int = Field(description="In whole percent", examples=[42])


class LightAt(BaseModel):
    """A change of a light."""

    at: datetime = Field(description="When")
    light: str = Field(description="To which one", examples=["charging80"])


# A charger that is not registered any more has no number, and no readings.
_OPEN: Final = """
    SELECT rentals.id AS rental, charger_id AS charger, rentals.pairing_number AS first,
           coalesce(chargers.pairing_number, 0) AS newest
    FROM rentals
    LEFT JOIN chargers ON chargers.id = charger_id
    WHERE collected_at IS NULL
"""
_GREATEST: Final = "SELECT coalesce(max(number), 0) FROM rental_levels"
_AFTER: Final = """
    SELECT number, rental, at, level
    FROM rental_levels
    WHERE number > %(after)s AND level IS NOT NULL
    ORDER BY number
"""
_OF_RENTALS: Final = """
    SELECT number, rental, at, level
    FROM rental_levels
    WHERE rental = ANY(%(rentals)s) AND level IS NOT NULL
    ORDER BY at
"""
# A rental may have been erased meanwhile.
_RECORD_LEVELS: Final = """
    INSERT INTO rental_levels (rental, at, level)
    SELECT rental, at, level
    FROM unnest(%(rentals)s::uuid[], %(at)s::timestamptz[], %(levels)s::smallint[])
         AS news (rental, at, level)
    WHERE EXISTS (SELECT FROM rentals WHERE id = news.rental)
    ON CONFLICT (rental, level) DO UPDATE SET at = excluded.at, number = DEFAULT
    WHERE excluded.at > rental_levels.at
"""
# As `rentals.record` finds the rental that a pairing belongs to. Redis' clock may be a little
# behind: then several get the same time, and numbers tell their order.
_RECORD_LIGHTS: Final = """
    INSERT INTO rental_levels (rental, at, light)
    SELECT rentals.id, greatest(news.at, rentals.opened_at), news.light
    FROM unnest(%(chargers)s::text[], %(numbers)s::bigint[],
                %(at)s::timestamptz[], %(lights)s::text[])
         WITH ORDINALITY AS news (charger_id, number, at, light, position)
    JOIN rentals ON rentals.charger_id = news.charger_id
                AND rentals.pairing_number <= news.number
                AND (rentals.ended_number IS NULL OR news.number < rentals.ended_number)
    ORDER BY news.position
    ON CONFLICT (rental, at, light) WHERE light IS NOT NULL DO NOTHING
"""
_LEVELS: Final = """
    SELECT at, level FROM rental_levels
    WHERE rental = %(rental)s AND level IS NOT NULL
    ORDER BY at, level
"""
_LIGHTS: Final = """
    SELECT at, light FROM rental_levels
    WHERE rental = %(rental)s AND light IS NOT NULL
    ORDER BY at, number
"""


async def open_rentals(connection: Connection) -> list[OpenRental]:
    """Return all phones that are in chargers."""
    return await fetch_all(connection, OpenRental, _OPEN)


async def greatest_number(connection: Connection) -> int:
    """Return the greatest number of a row, 0: there is none."""
    number: int = await fetch_value(connection, _GREATEST)
    return number


async def levels_after(connection: Connection, number: int) -> list[ReadLevel]:
    """Return the levels that were written after a number, in that order."""
    return await fetch_all(connection, ReadLevel, _AFTER, {"after": number})


async def levels_of_rentals(connection: Connection, rentals: Sequence[UUID]) -> list[ReadLevel]:
    """Return the levels of some rentals, the oldest first."""
    return await fetch_all(connection, ReadLevel, _OF_RENTALS, {"rentals": list(rentals)})


async def record_levels(connection: Connection, levels: Sequence[NewLevel]) -> None:
    """Write levels down, at most one of each rental. Needs a write transaction.

    A level that a rental has had before is moved to the later time: a phone that was used
    meanwhile is charged again.
    """
    values = {
        "rentals": [each.rental for each in levels],
        "at": [each.at for each in levels],
        "levels": [each.level for each in levels],
    }
    await connection.execute(_RECORD_LEVELS, values)


async def record_lights(connection: Connection, lights: Sequence[Light]) -> None:
    """Write changes of lights down; once more changes nothing. Needs a write transaction."""
    values = {
        "chargers": [each.charger for each in lights],
        "numbers": [each.number for each in lights],
        "at": [each.at for each in lights],
        "lights": [each.light.value for each in lights],
    }
    await connection.execute(_RECORD_LIGHTS, values)


async def levels_of(connection: Connection, rental: UUID) -> list[LevelAt]:
    """Return how full a rental's phone was, the oldest first."""
    return await fetch_all(connection, LevelAt, _LEVELS, {"rental": rental})


async def lights_of(connection: Connection, rental: UUID) -> list[LightAt]:
    """Return the changes of a rental's light, the oldest first."""
    return await fetch_all(connection, LightAt, _LIGHTS, {"rental": rental})
