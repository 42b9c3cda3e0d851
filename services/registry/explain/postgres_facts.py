"""Reads what Postgres knows of a device whose light is explained."""

from typing import Final

from psycopg.rows import class_row
from psycopg.sql import SQL

from services.registry.devices import open_rentals
from services.registry.explain.facts import PostgresDevice, PostgresFacts
from services.registry.postgres.database import Connection
from services.registry.postgres.tables import devices_table, pairing_columns
from shared.contract.devices import Kind

_FIND: Final = SQL("""
    SELECT devices.pairing_number AS number, pairings.{partner} AS partner
    FROM {devices} AS devices
    LEFT JOIN pairings ON pairings.{own} = devices.id
    WHERE devices.id = %(id)s
""")


async def read_facts(connection: Connection, kind: Kind, device_id: str) -> PostgresFacts:
    """Return what Postgres knows of a device."""
    own, partner = pairing_columns(kind)
    query = _FIND.format(devices=devices_table(kind), own=own, partner=partner)
    async with connection.cursor(row_factory=class_row(PostgresDevice)) as cursor:
        await cursor.execute(query, {"id": device_id})
        device = await cursor.fetchone()
    return PostgresFacts(device, await open_rentals.find(connection, kind, device_id))
