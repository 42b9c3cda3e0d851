"""Chargers and widgets in Postgres."""

from datetime import datetime
from typing import Final

from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.errors import NotRegisteredError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed, fetch_one, fetch_value
from services.registry.postgres.tables import devices_table
from shared.contract.devices import Kind, is_device_id


class Device(BaseModel):
    """A registered device."""

    id: str = Field(examples=["c1234"])
    label: str
    location: str
    pairing_number: int = Field(description="Number of the last change that touched it; grows")
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

_DELETE: Final = SQL("DELETE FROM {devices} WHERE id = %(id)s")

_NUMBER_OF_UNREGISTRATION: Final = """
    SELECT pairing_number
    FROM unregistered
    WHERE kind = %(kind)s AND id = %(id)s
"""


def require_possible(kind: Kind, device_id: str) -> None:
    """Refuse an id that cannot exist, before Postgres is asked for it.

    Raises:
        NotRegisteredError: It cannot exist.
    """
    if not is_device_id(device_id):
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
        raise NotRegisteredError(kind, device_id)
    return device


async def update(
    connection: Connection, kind: Kind, device_id: str, *, label: str | None, location: str | None
) -> Device | None:
    """Change what a registered device is called, in a write transaction.

    A label or location of None stays as it is. Returns None if it is not registered.
    """
    values = {"id": device_id, "label": label, "location": location}
    return await fetch_one(connection, Device, _UPDATE.format(devices=devices_table(kind)), values)


async def register(
    connection: Connection, kind: Kind, device_id: str, *, label: str | None, location: str | None
) -> tuple[Device, bool]:
    """Register a device, or `update` a registered one; return it, and whether it is new."""
    known = await update(connection, kind, device_id, label=label, location=location)
    if known is not None:
        return known, False
    values = {"id": device_id, "label": label, "location": location}
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
