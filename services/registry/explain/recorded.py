"""What Postgres knows of a device whose light is explained."""

from typing import Final

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from services.registry.devices.devices import Kind
from services.registry.explain.facts import OfPostgres, OpenRental, Recorded
from services.registry.postgres.database import Connection
from services.registry.rentals import rentals

_RECORDED: Final = SQL("""
    SELECT devices.pairing_number AS number, pairings.{partner} AS partner
    FROM {devices} AS devices
    LEFT JOIN pairings ON pairings.{own} = devices.id
    WHERE devices.id = %(id)s
""")


async def of_postgres(connection: Connection, kind: Kind, device_id: str) -> OfPostgres:
    """Return what Postgres says of a device."""
    own, partner = Identifier("charger_id"), Identifier("widget_id")
    if kind is Kind.WIDGET:
        own, partner = partner, own
    query = _RECORDED.format(devices=kind.table, own=own, partner=partner)
    async with connection.cursor(row_factory=class_row(Recorded)) as cursor:
        await cursor.execute(query, {"id": device_id})
        device = await cursor.fetchone()
    if kind is Kind.CHARGER:
        rental = await rentals.open_of_charger(connection, device_id)
    else:
        rental = await rentals.open_of_widget(connection, device_id)
    return OfPostgres(device, OpenRental(rental.opened_at, rental.ticket) if rental else None)
