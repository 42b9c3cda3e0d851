"""Chargers and widgets in Postgres."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.devices import booths
from services.registry.errors import CanaryError, NotRegisteredError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed, fetch_one, fetch_value
from services.registry.postgres.tables import devices_table
from shared.contract.connectors import charger_of, is_id_of
from shared.contract.credentials import Auth
from shared.contract.devices import Kind


class Device(BaseModel):
    """A registered device."""

    id: str = Field(description="Its id", examples=["c1234"])
    label: str = Field(description="What people call it", examples=["Booth 3, left"])
    location: str = Field(description="Where it stands", examples=["second shelf"])
    booth: str | None = Field(
        description="In which booth it is; null: in none", examples=["main-stage"]
    )
    pairing_number: int = Field(
        description="Number of the last change that touched it; grows", examples=[9]
    )
    registered_at: datetime = Field(description="Since when the hub knows it")
    auth: Auth = Field(
        description="What it proves itself with, where devices are asked: a secret or a "
        "certificate (`any`), or only a certificate",
        examples=["any"],
    )
    canary: bool = Field(
        description="Whether it is the hub's own, and left out of lists", examples=[False]
    )


_FIND: Final = SQL("""
    SELECT id, label, location, booth, pairing_number, registered_at, auth, canary
    FROM {devices}
    WHERE id = %(id)s
""")

# A field that is not given keeps its value. The pairing number stays: a label or a
# location changes nothing about which charger lights which widget.
_UPDATE: Final = SQL("""
    UPDATE {devices}
    SET label = coalesce(%(label)s, label),
        location = coalesce(%(location)s, location),
        booth = CASE WHEN %(booth)s::text IS NULL THEN booth ELSE nullif(%(booth)s, '') END,
        auth = coalesce(%(auth)s, auth)
    WHERE id = %(id)s
    RETURNING id, label, location, booth, pairing_number, registered_at, auth, canary
""")

# In the collation "C" of ids, lower() changes A to Z only, on every server.
_SIMILAR: Final = SQL("""
    SELECT min(id)
    FROM {devices}
    WHERE lower(id) = %(lower)s AND id <> %(id)s
""")

_INSERT: Final = SQL("""
    INSERT INTO {devices} (id, label, location, booth, auth, canary)
    VALUES (
        %(id)s, coalesce(%(label)s, ''), coalesce(%(location)s, ''), nullif(%(booth)s, ''),
        coalesce(%(auth)s, 'any'), coalesce(%(canary)s, false)
    )
    RETURNING id, label, location, booth, pairing_number, registered_at, auth, canary
""")

_SECRETS_NUMBER: Final = SQL("SELECT secrets_number FROM {devices} WHERE id = %(id)s")

_DELETE: Final = SQL("DELETE FROM {devices} WHERE id = %(id)s")

_NUMBER_OF_UNREGISTRATION: Final = """
    SELECT pairing_number
    FROM unregistered
    WHERE kind = %(kind)s AND id = %(id)s
"""


def require_possible(kind: Kind | None, device_id: str) -> None:
    """Refuse an id that cannot exist, before Postgres is asked for it.

    Raises:
        NotRegisteredError: It cannot exist.
    """
    if not is_id_of(kind or Kind.CHARGER, device_id):
        raise NotRegisteredError(kind, device_id)


async def find(connection: Connection, kind: Kind, device_id: str) -> Device | None:
    """Return a device, or None if it is not registered."""
    query = _FIND.format(devices=devices_table(kind))
    return await fetch_one(connection, Device, query, {"id": device_id})


async def get(connection: Connection, kind: Kind, device_id: str) -> Device:
    """Return a device.

    Raises:
        NotRegisteredError: It is not registered.
    """
    device = await find(connection, kind, device_id)
    if device is None:
        similar = await find_similar(connection, kind, device_id)
        other = Kind.WIDGET if kind is Kind.CHARGER else Kind.CHARGER
        other_kind = other if await find(connection, other, device_id) else None
        raise NotRegisteredError(kind, device_id, similar=similar, other_kind=other_kind)
    return device


async def find_similar(connection: Connection, kind: Kind, device_id: str) -> str | None:
    """Return the id of a device that differs only in capitals; None: there is none."""
    query = _SIMILAR.format(devices=devices_table(kind))
    values = {"id": device_id, "lower": device_id.lower()}
    similar: str | None = await fetch_value(connection, query, values)
    return similar


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a device shall be; None: as it is."""

    label: str | None = None
    location: str | None = None
    booth: str | None = None
    """By its id; empty: none."""
    auth: Auth | None = None
    canary: bool | None = None
    """Only a new device can become one."""


async def update(
    connection: Connection, kind: Kind, device_id: str, wanted: Wanted
) -> Device | None:
    """Change a registered device, in a write transaction; None if it is not registered.

    Raises:
        NoSuchBoothError: There is no booth with this id.
    """
    if wanted.booth:
        await booths.get(connection, wanted.booth)
    values = {"id": device_id, **asdict(wanted)}
    return await fetch_one(connection, Device, _UPDATE.format(devices=devices_table(kind)), values)


async def secrets_number(connection: Connection, kind: Kind, device_id: str) -> int:
    """Return the number of the last change of what a device proves itself with.

    0: it is not registered, or not any more.
    """
    query = _SECRETS_NUMBER.format(devices=devices_table(kind))
    number: int | None = await fetch_value(connection, query, {"id": device_id})
    return number or 0


async def register(
    connection: Connection, kind: Kind, device_id: str, wanted: Wanted
) -> tuple[Device, bool]:
    """Register a device, or `update` a registered one; return it, and whether it is new.

    Raises:
        NoSuchBoothError: There is no booth with this id.
        CanaryError: It is registered, and would have to become a canary, or stop being one.
        NotRegisteredError: It is a connector, and its charger is not registered.
    """
    known = await update(connection, kind, device_id, wanted)
    if known is not None:
        if wanted.canary not in (None, known.canary):
            is_one = "is" if known.canary else "is not"
            raise CanaryError(
                f"the {kind.value} {device_id} {is_one} a canary, and that cannot be changed. "
                "Unregister it first, or take another id"
            )
        return known, False
    charger = charger_of(device_id) if kind is Kind.CHARGER else None
    if charger is not None:
        await get(connection, kind, charger)
    values = {"id": device_id, **asdict(wanted)}
    query = _INSERT.format(devices=devices_table(kind))
    return await fetch_changed(connection, Device, query, values), True


async def unregister(connection: Connection, kind: Kind, device_id: str) -> int | None:
    """Unregister a device in a write transaction; its pairing ends with it.

    Returns:
        The pairing number of the unregistration; None if it was not registered.
    """
    values = {"kind": kind.value, "id": device_id}
    deleted = await connection.execute(_DELETE.format(devices=devices_table(kind)), values)
    if deleted.rowcount == 0:
        return None
    number: int = await fetch_value(connection, _NUMBER_OF_UNREGISTRATION, values)
    return number
