"""Pairings in Postgres."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row, scalar_row
from psycopg.sql import SQL

from services.registry.postgres.database import Connection
from services.registry.postgres.tables import pairing_columns
from shared.contract.devices import Kind


@dataclass(frozen=True, slots=True)
class Pairing:
    """A charger and the widget that shows its charging status."""

    charger: str
    widget: str
    pairing_number: int
    paired_at: datetime


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

_DELETE: Final = """
    DELETE FROM pairings
    WHERE charger_id = %(charger)s
"""

# A charger has the number of its last change, or of its pairing's.
_NUMBER_OF_CHARGER: Final = """
    SELECT pairing_number
    FROM chargers
    WHERE id = %(charger)s
"""


async def find(connection: Connection, kind: Kind, device_id: str) -> Pairing | None:
    """Return the pairing of a charger or a widget."""
    own, _ = pairing_columns(kind)
    async with connection.cursor(row_factory=class_row(Pairing)) as cursor:
        await cursor.execute(_FIND.format(own=own), {"device": device_id})
        return await cursor.fetchone()


async def pair(connection: Connection, charger: str, widget: str) -> Pairing:
    """Pair two registered devices, and end other pairings of the two.

    Args:
        connection: One of ``Database.write_transaction``.
        charger: Id of the charger.
        widget: Id of the widget.
    """
    values = {"charger": charger, "widget": widget}
    async with connection.cursor(row_factory=class_row(Pairing)) as cursor:
        await cursor.execute(_END_FORMER, values)
        await cursor.execute(_INSERT, values)
        new = await cursor.fetchone()
    assert new is not None  # noqa: S101 - INSERT … RETURNING returns the row
    return new


async def unpair(connection: Connection, charger: str) -> int | None:
    """End a charger's pairing.

    Args:
        connection: One of ``Database.write_transaction``.
        charger: Id of the charger.

    Returns:
        The pairing number that both devices have now; None if it was not paired.
    """
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(_DELETE, {"charger": charger})
        if cursor.rowcount == 0:
            return None
        await cursor.execute(_NUMBER_OF_CHARGER, {"charger": charger})
        number: int | None = await cursor.fetchone()
        return number
