"""Lists of devices and of pairings in Postgres, page by page."""

from dataclasses import asdict, dataclass
from typing import Final

from psycopg.sql import SQL

from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.postgres.tables import devices_table, pairing_columns
from shared.contract.devices import Kind


class ListedDevice(Device):
    """A registered device and its partner in a pairing."""

    partner: str | None


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices; None: all."""

    q: str | None
    """With this text in id, label or location; capitals do not matter."""
    location: str | None
    """At exactly this location."""
    paired: bool | None


@dataclass(frozen=True, slots=True)
class PairingFilter:
    """Which pairings; None: all."""

    charger: str | None
    widget: str | None
    location: str | None
    """Of chargers at exactly this location."""


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
    connection: Connection, kind: Kind, which: DeviceFilter, *, after: str, rows: int
) -> list[ListedDevice]:
    """Return at most ``rows`` devices by their ids, from the first one behind ``after`` on."""
    own, partner = pairing_columns(kind)
    query = _DEVICES.format(devices=devices_table(kind), own=own, partner=partner)
    values = asdict(which) | {"after": after, "rows": rows}
    values["pattern"] = None if which.q is None else _pattern_of(which.q)
    return await fetch_all(connection, ListedDevice, query, values)


async def find_pairings(
    connection: Connection, which: PairingFilter, *, after: str, rows: int
) -> list[Pairing]:
    """Return at most ``rows`` pairings by their chargers' ids, from behind ``after`` on."""
    values = asdict(which) | {"after": after, "rows": rows}
    return await fetch_all(connection, Pairing, _PAIRINGS, values)


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
