"""Pairings in Postgres."""

from datetime import datetime
from typing import Final

from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed, fetch_one, fetch_value
from services.registry.postgres.tables import pairing_columns
from shared.contract.devices import Kind


class Pairing(BaseModel):
    """A charger and the widget that shows its charging status."""

    charger: str = Field(description="Id of the charger", examples=["c1234"])
    widget: str = Field(description="Id of the widget", examples=["wABCD"])
    pairing_number: int = Field(description="Another one after each change; grows", examples=[9])
    paired_at: datetime = Field(description="Since when they are a pair")


_FIND: Final = SQL("""
    SELECT charger_id AS charger, widget_id AS widget, pairing_number, paired_at
    FROM pairings
    WHERE {own} = %(device)s
""")

_END_FORMER: Final = """
    DELETE FROM pairings
    WHERE charger_id = %(charger)s OR widget_id = %(widget)s
"""

_INSERT: Final = """
    INSERT INTO pairings (charger_id, widget_id)
    VALUES (%(charger)s, %(widget)s)
    RETURNING charger_id AS charger, widget_id AS widget, pairing_number, paired_at
"""

_DELETE: Final = "DELETE FROM pairings WHERE charger_id = %(charger)s"

# A charger has the number of its last change, or of its pairing's.
_NUMBER_OF_CHARGER: Final = "SELECT pairing_number FROM chargers WHERE id = %(charger)s"


async def find(connection: Connection, kind: Kind, device_id: str) -> Pairing | None:
    """Return the pairing of a charger or a widget."""
    own, _ = pairing_columns(kind)
    return await fetch_one(connection, Pairing, _FIND.format(own=own), {"device": device_id})


async def pair(connection: Connection, charger: str, widget: str) -> Pairing:
    """Pair two registered devices in a write transaction, and end other pairings of the two."""
    values = {"charger": charger, "widget": widget}
    await connection.execute(_END_FORMER, values)
    return await fetch_changed(connection, Pairing, _INSERT, values)


async def unpair(connection: Connection, charger: str) -> int | None:
    """End a charger's pairing in a write transaction.

    Returns:
        The pairing number that both devices have now; None if it was not paired.
    """
    values = {"charger": charger}
    if (await connection.execute(_DELETE, values)).rowcount == 0:
        return None
    number: int = await fetch_value(connection, _NUMBER_OF_CHARGER, values)
    return number
