"""Lists of devices and of pairings in Postgres, page by page."""

from dataclasses import dataclass
from typing import Final

from psycopg.rows import class_row
from psycopg.sql import SQL

from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing
from services.registry.postgres.database import Connection
from services.registry.postgres.tables import devices_table, pairing_columns
from shared.contract.devices import Kind


@dataclass(frozen=True, slots=True)
class ListedDevice(Device):
    """A registered device and its partner in a pairing."""

    partner: str | None


_DEVICES: Final = SQL("""
    SELECT devices.id, devices.label, devices.location, devices.pairing_number,
           devices.registered_at, pairings.{partner} AS partner
    FROM {devices} AS devices
    LEFT JOIN pairings ON pairings.{own} = devices.id
    WHERE devices.id > %(after)s
      AND (%(pattern)s::text IS NULL
           OR devices.id ~ %(pattern)s
           OR devices.label ~ %(pattern)s
           OR devices.location ~ %(pattern)s)
      AND (%(location)s::text IS NULL OR devices.location = %(location)s)
      AND (%(paired)s::boolean IS NULL OR (pairings.{own} IS NOT NULL) = %(paired)s)
    ORDER BY devices.id
    LIMIT %(rows)s
""")

_SPECIAL: Final = frozenset(r"\.*+?^$|()[]{}")
"""Characters with a meaning in Postgres' regular expressions."""

_PAIRINGS: Final = """
    SELECT pairings.charger_id AS charger, pairings.widget_id AS widget,
           pairings.pairing_number, pairings.paired_at
    FROM pairings
    JOIN chargers ON chargers.id = pairings.charger_id
    WHERE pairings.charger_id > %(after)s
      AND (%(charger)s::text IS NULL OR pairings.charger_id = %(charger)s)
      AND (%(widget)s::text IS NULL OR pairings.widget_id = %(widget)s)
      AND (%(location)s::text IS NULL OR chargers.location = %(location)s)
    ORDER BY pairings.charger_id
    LIMIT %(rows)s
"""


async def find_devices(
    connection: Connection,
    kind: Kind,
    *,
    after: str,
    rows: int,
    q: str | None,
    location: str | None,
    paired: bool | None,
) -> list[ListedDevice]:
    """Return registered devices in the order of their ids.

    Args:
        connection: Of the database.
        kind: Charger or widget.
        after: Only with greater ids; empty: from the beginning.
        rows: How many at most.
        q: Only with this text in id, label or location; capitals do not matter.
        location: Only at exactly this location.
        paired: Only those that are paired, or only those that are not.
    """
    own, partner = pairing_columns(kind)
    query = _DEVICES.format(devices=devices_table(kind), own=own, partner=partner)
    values = {
        "after": after,
        "rows": rows,
        "pattern": None if q is None else _pattern_of(q),
        "location": location,
        "paired": paired,
    }
    async with connection.cursor(row_factory=class_row(ListedDevice)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


async def find_pairings(
    connection: Connection,
    *,
    after: str,
    rows: int,
    charger: str | None,
    widget: str | None,
    location: str | None,
) -> list[Pairing]:
    """Return pairings in the order of their chargers' ids.

    Args:
        connection: Of the database.
        after: Only of chargers with greater ids; empty: from the beginning.
        rows: How many at most.
        charger: Only of this charger.
        widget: Only of this widget.
        location: Only of chargers at exactly this location.
    """
    values = {
        "after": after,
        "rows": rows,
        "charger": charger,
        "widget": widget,
        "location": location,
    }
    async with connection.cursor(row_factory=class_row(Pairing)) as cursor:
        await cursor.execute(_PAIRINGS, values)
        return await cursor.fetchall()


def _pattern_of(text: str) -> str:
    """Return a regular expression that matches a text in capitals or small letters.

    Spelled out for each letter, because lower() and ILIKE know the capitals of other
    letters than a to z only if the database was created with a locale that does.
    """
    return "".join(_either_case(character) for character in text)


def _either_case(character: str) -> str:
    forms = {character.lower(), character.upper(), character}
    letters = sorted(form for form in forms if len(form) == 1)  # not the SS of an ß
    if len(letters) > 1:
        return f"[{''.join(letters)}]"
    return rf"\{character}" if character in _SPECIAL else character
