"""Chargers and widgets in Postgres."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row, scalar_row
from psycopg.sql import SQL

from services.registry.postgres.database import Connection
from services.registry.postgres.tables import devices_table
from shared.contract.devices import Kind


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device."""

    id: str
    label: str
    location: str
    pairing_number: int
    registered_at: datetime


_FIND: Final = SQL("""
    SELECT id, label, location, pairing_number, registered_at
    FROM {devices}
    WHERE id = %(id)s
""")

# A field that is not given keeps its value. The pairing number stays: a label or a
# location changes nothing about which charger lights which widget.
_UPDATE: Final = SQL("""
    UPDATE {devices}
    SET label = coalesce(%(label)s, label),
        location = coalesce(%(location)s, location)
    WHERE id = %(id)s
    RETURNING id, label, location, pairing_number, registered_at
""")

_INSERT: Final = SQL("""
    INSERT INTO {devices} (id, label, location)
    VALUES (%(id)s, coalesce(%(label)s, ''), coalesce(%(location)s, ''))
    RETURNING id, label, location, pairing_number, registered_at
""")

_DELETE: Final = SQL("""
    DELETE FROM {devices}
    WHERE id = %(id)s
""")

_NUMBER_OF_UNREGISTRATION: Final = """
    SELECT pairing_number
    FROM unregistered
    WHERE kind = %(kind)s AND id = %(id)s
"""


async def find(connection: Connection, kind: Kind, device_id: str) -> Device | None:
    """Return a device, or None if it is not registered."""
    async with connection.cursor(row_factory=class_row(Device)) as cursor:
        await cursor.execute(_FIND.format(devices=devices_table(kind)), {"id": device_id})
        return await cursor.fetchone()


async def update(
    connection: Connection, kind: Kind, device_id: str, *, label: str | None, location: str | None
) -> Device | None:
    """Change what a registered device is called.

    Args:
        connection: One of ``Database.write_transaction``.
        kind: Charger or widget.
        device_id: A valid id.
        label: What people call it; None leaves it as it is.
        location: Where it is; None leaves it as it is.

    Returns:
        The device; None if it is not registered.
    """
    values = {"id": device_id, "label": label, "location": location}
    async with connection.cursor(row_factory=class_row(Device)) as cursor:
        await cursor.execute(_UPDATE.format(devices=devices_table(kind)), values)
        return await cursor.fetchone()


async def register(
    connection: Connection, kind: Kind, device_id: str, *, label: str | None, location: str | None
) -> tuple[Device, bool]:
    """Register a device, or change what a registered one is called: see `update`.

    Returns:
        The device, and whether it is new.
    """
    known = await update(connection, kind, device_id, label=label, location=location)
    if known is not None:
        return known, False
    values = {"id": device_id, "label": label, "location": location}
    async with connection.cursor(row_factory=class_row(Device)) as cursor:
        await cursor.execute(_INSERT.format(devices=devices_table(kind)), values)
        new = await cursor.fetchone()
    assert new is not None  # noqa: S101 - INSERT … RETURNING returns the row
    return new, True


async def unregister(connection: Connection, kind: Kind, device_id: str) -> int | None:
    """Unregister a device; its pairing ends with it.

    Args:
        connection: One of ``Database.write_transaction``.
        kind: Charger or widget.
        device_id: A valid id.

    Returns:
        The pairing number of the unregistration; None if it was not registered.
    """
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DELETE.format(devices=devices_table(kind)), {"id": device_id})
        if cursor.rowcount == 0:
            return None
        await cursor.execute(_NUMBER_OF_UNREGISTRATION, {"kind": kind.value, "id": device_id})
        number: int | None = await cursor.fetchone()
        return number
