"""Erases what the hub knows about one visitor, who is known by a ticket."""

from typing import Final, NamedTuple
from uuid import UUID

from services.registry.devices import open_rentals
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value


class Erased(NamedTuple):
    """What was erased."""

    rentals: int
    audit_entries: int
    """Entries of the audit log that no longer say anything about the visitor."""


_CHARGER_IN_USE: Final = """
    SELECT charger_id
    FROM rentals
    WHERE ticket = %(ticket)s AND (%(rental)s::uuid IS NULL OR id = %(rental)s)
      AND collected_at IS NULL
"""
# Also of rentals that are gone (a restore removes those opened since the backup), or that
# have another ticket by now.
_EMPTY: Final = """
    WITH visits AS (
        SELECT id::text AS subject
        FROM rentals
        WHERE ticket = %(ticket)s
        UNION
        SELECT subject
        FROM audit_log
        WHERE kind = 'rental' AND details <> '{}'
          AND details -> 'ticket' @> to_jsonb(%(ticket)s::text)
    )
    UPDATE audit_log
    SET details = '{}'
    WHERE kind = 'rental' AND details <> '{}'
      AND subject IN (SELECT subject FROM visits)
      AND (%(rental)s::uuid IS NULL OR subject = %(rental)s::text)
"""
_DELETE: Final = """
    WITH erased AS (
        DELETE FROM rentals
        WHERE ticket = %(ticket)s AND (%(rental)s::uuid IS NULL OR id = %(rental)s)
        RETURNING id
    )
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'removed', 'erasure', id::text, '{}'
    FROM erased
"""


async def erase(connection: Connection, ticket: str, rental: UUID | None) -> Erased:
    """Erase all rentals with a ticket, and what the audit log says of them.

    It needs a write transaction. A restore does not bring these rentals back.

    Args:
        connection: In a write transaction.
        ticket: The visitor's.
        rental: Only this one: another visitor had the ticket on another day.

    Raises:
        RentalIsOpenError: The visitor's phone is still in a charger. Nothing was erased.
    """
    values = {"ticket": ticket, "rental": rental}
    charger = await fetch_value(connection, _CHARGER_IN_USE, values)
    if charger is not None:
        await open_rentals.require_empty(connection, charger)
    emptied = await connection.execute(_EMPTY, values)
    deleted = await connection.execute(_DELETE, values)
    return Erased(deleted.rowcount, emptied.rowcount)
