"""Lists of devices and of pairings in Postgres, page by page."""

from dataclasses import asdict, dataclass
from typing import Final

from psycopg.sql import SQL

from services.registry import spellings
from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.postgres.tables import devices_table, pairing_columns
from shared.contract.devices import Kind


class ListedDevice(Device):
    """A registered device and its partner in a pairing."""

    partner: str | None
    secrets_number: int

    @property
    def newest_number(self) -> int:
        """Of the last change that gateways or routers act on."""
        return max(self.pairing_number, self.secrets_number)


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices; None: all."""

    q: str | None
    """With this text in id, label or location, in any spelling."""
    location: str | None
    """At this location, in any spelling."""
    booth: str | None
    """In this booth, by its id; empty: in none."""
    paired: bool | None
    canary: bool = False
    """Canaries, or all others."""
    ids: list[str] | None = None
    """Only of these."""


@dataclass(frozen=True, slots=True)
class PairingFilter:
    """Which pairings; None: all."""

    charger: str | None
    widget: str | None
    location: str | None
    """Of chargers at this location, in any spelling."""
    booth: str | None
    """Of chargers in this booth; empty: in none."""
    canary: bool = False
    """Of canaries, or all others."""


_DEVICES: Final = SQL("""
    SELECT devices.id, devices.label, devices.location, devices.booth,
           devices.pairing_number, devices.registered_at, devices.auth, devices.canary,
           devices.secrets_number, pairings.{partner} AS partner
    FROM {devices} AS devices
    LEFT JOIN pairings ON pairings.{own} = devices.id
    WHERE devices.id > %(after)s
      AND devices.canary = %(canary)s
      AND (%(ids)s::text[] IS NULL OR devices.id = ANY (%(ids)s))
      AND (%(pattern)s::text IS NULL
           OR devices.id ~ %(pattern)s
           OR devices.label ~ %(pattern)s
           OR devices.location ~ %(pattern)s)
      AND (%(location)s::text IS NULL OR devices.location ~ %(location)s)
      AND (%(booth)s::text IS NULL OR devices.booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
      AND (%(paired)s::boolean IS NULL OR (pairings.{own} IS NOT NULL) = %(paired)s)
    ORDER BY devices.id
    LIMIT %(rows)s
""")

_PAIRINGS: Final = """
    SELECT pairings.charger_id AS charger, pairings.widget_id AS widget,
           pairings.pairing_number, pairings.paired_at
    FROM pairings
    JOIN chargers ON chargers.id = pairings.charger_id
    WHERE pairings.charger_id > %(after)s
      AND chargers.canary = %(canary)s
      AND (%(charger)s::text IS NULL OR pairings.charger_id = %(charger)s)
      AND (%(widget)s::text IS NULL OR pairings.widget_id = %(widget)s)
      AND (%(location)s::text IS NULL OR chargers.location ~ %(location)s)
      AND (%(booth)s::text IS NULL OR chargers.booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
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
    values["pattern"] = None if which.q is None else spellings.containing(which.q)
    values["location"] = None if which.location is None else spellings.equal_to(which.location)
    return await fetch_all(connection, ListedDevice, query, values)


async def find_pairings(
    connection: Connection, which: PairingFilter, *, after: str, rows: int
) -> list[Pairing]:
    """Return at most ``rows`` pairings by their chargers' ids, from behind ``after`` on."""
    values = asdict(which) | {"after": after, "rows": rows}
    values["location"] = None if which.location is None else spellings.equal_to(which.location)
    return await fetch_all(connection, Pairing, _PAIRINGS, values)
