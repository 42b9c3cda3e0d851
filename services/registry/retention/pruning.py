"""Removes what is older than it is kept, in batches.

Each batch is a transaction with the lock on the directory. So one registry does it at a time,
and another writer waits for one batch at most.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

from psycopg.sql import SQL, Composed
from psycopg.types.json import Jsonb

from services.registry.directory.snapshot import GREATEST
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Connection, Database
from services.registry.postgres.queries import fetch_value
from services.registry.retention.cutoffs import Cutoffs, Keep, cutoffs

BATCH: Final = 200
"""Rows of one batch. 500 rentals took 0.1 to 0.4 s on a busy machine with two cores."""

_LEVELS_BATCH: Final = 5000
"""The same of levels: there are many, and no trigger looks at them."""

_PAUSE_SECONDS: Final = 0.1
"""Between two batches, for other writers."""


class Old(NamedTuple):
    """How much is, or was, older than it is kept."""

    rentals: int = 0
    rental_traces: int = 0
    audit_entries: int = 0
    tombstones: int = 0
    events: int = 0
    history: int = 0


_RENTALS: Final = SQL("FROM rentals WHERE collected_at < %(before)s")
# After a restore, rentals that were opened since the backup are gone; the audit log has them.
_TRACES: Final = SQL("""
    FROM audit_log
    WHERE kind = 'rental' AND details <> '{{}}' AND at < %(before)s
      AND NOT EXISTS (SELECT FROM rentals WHERE rentals.id::text = audit_log.subject)
""").format()
# Who made a key is asked as long as it is valid: else the bootstrap key would be good again.
_ENTRIES: Final = SQL("""
    FROM audit_log
    WHERE at < %(before)s AND NOT (
        kind = 'api-key' AND action = 'created' AND subject IN (
            SELECT id FROM api_keys
            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
        )
    )
""")
# Those with the greatest number stay until there is a greater one: a registry that has
# projected it would find that Postgres went back in time.
_TOMBSTONES: Final = SQL("""
    FROM unregistered
    WHERE unregistered_at < %(before)s AND pairing_number < ({greatest})
""").format(greatest=SQL(GREATEST))

# They tell of rentals. What is so old and was not delivered is no news any more.
_EVENTS: Final = SQL("FROM outbox_events WHERE at < %(before)s")


_HISTORY: Final = SQL("FROM rental_levels WHERE at < %(before)s")


class _Prunable(NamedTuple):
    old: SQL | Composed
    remove: Composed
    batch: int = BATCH


_PRUNABLE: Final = {
    "rentals": _Prunable(
        _RENTALS,
        SQL("DELETE FROM rentals WHERE id IN (SELECT id {} LIMIT %(rows)s)").format(_RENTALS),
    ),
    "rental_traces": _Prunable(
        _TRACES,
        SQL(
            "UPDATE audit_log SET details = '{{}}' WHERE id IN (SELECT id {} LIMIT %(rows)s)"
        ).format(_TRACES),
    ),
    "audit_entries": _Prunable(
        _ENTRIES,
        SQL("DELETE FROM audit_log WHERE id IN (SELECT id {} LIMIT %(rows)s)").format(_ENTRIES),
    ),
    "tombstones": _Prunable(
        _TOMBSTONES,
        SQL(
            "DELETE FROM unregistered WHERE (kind, id) IN (SELECT kind, id {} LIMIT %(rows)s)"
        ).format(_TOMBSTONES),
    ),
    "events": _Prunable(
        _EVENTS,
        SQL("DELETE FROM outbox_events WHERE number IN (SELECT number {} LIMIT %(rows)s)").format(
            _EVENTS
        ),
    ),
    "history": _Prunable(
        _HISTORY,
        SQL("DELETE FROM rental_levels WHERE number IN (SELECT number {} LIMIT %(rows)s)").format(
            _HISTORY
        ),
        _LEVELS_BATCH,
    ),
}
_ANY: Final = SQL("SELECT EXISTS (SELECT {})")
_COUNT: Final = SQL("SELECT count(*) {}")
_STILL_OPEN: Final = """
    SELECT count(*) FROM rentals WHERE collected_at IS NULL AND opened_at < %(before)s
"""
_RECORD: Final = """
    INSERT INTO audit_log (who, action, kind, subject, details)
    VALUES (acting(), 'removed', 'retention', %(name)s, %(details)s)
"""


async def cutoffs_now(database: Database, keep: Keep) -> Cutoffs:
    """Return the cutoffs right now."""
    async with database.connection() as connection:
        postgres_clock: datetime = await fetch_value(connection, "SELECT clock_timestamp()")
    return cutoffs(keep, datetime.now(UTC), postgres_clock)


async def count(database: Database, limits: Cutoffs) -> Old:
    """Count what is old."""
    async with database.snapshot() as connection:
        counts = {
            name: await fetch_value(connection, _COUNT.format(each.old), {"before": before})
            for name, each, before in _due(limits)
        }
    return Old(**counts)


async def count_still_open(database: Database, limits: Cutoffs) -> int:
    """Count the rentals that stay although they are old: their phones were not collected."""
    async with database.connection() as connection:
        number: int = await fetch_value(connection, _STILL_OPEN, {"before": limits.rentals})
    return number


async def prune(
    database: Database, by: Actor, limits: Cutoffs, seconds: float = float("inf")
) -> tuple[Old, bool]:
    """Remove what is old, but begin no further batch after ``seconds``.

    Returns:
        How much was removed, and whether that is all.

    Raises:
        PostgresUnavailableError: Postgres is away or refuses; what was removed stays removed.
    """
    deadline = time.monotonic() + seconds
    removed: dict[str, int] = {}
    for name, each, before in _due(limits):
        removed[name] = 0
        while batch := await _prune_batch(database, by, name, each, before):
            removed[name] += batch
            if time.monotonic() > deadline:
                return Old(**removed), False
            await asyncio.sleep(_PAUSE_SECONDS)
    return Old(**removed), True


def _due(limits: Cutoffs) -> list[tuple[str, _Prunable, datetime]]:
    ages = {
        "rentals": limits.rentals,
        "rental_traces": limits.rentals,
        "audit_entries": limits.audit,
        "tombstones": limits.tombstones,
        "events": limits.rentals,
        "history": limits.history,
    }
    return [(name, _PRUNABLE[name], before) for name, before in ages.items() if before is not None]


async def _prune_batch(
    database: Database, by: Actor, name: str, prunable: _Prunable, before: datetime
) -> int:
    values = {"before": before, "rows": prunable.batch}
    async with database.connection() as connection:
        # Without the lock on the directory: usually there is nothing to do.
        if not await fetch_value(connection, _ANY.format(prunable.old), values):
            return 0
    async with database.write_transaction(by) as connection:
        removed = (await connection.execute(prunable.remove, values)).rowcount
        if removed:
            await _record(connection, name, removed, before)
    return removed


async def _record(connection: Connection, name: str, removed: int, before: datetime) -> None:
    details = Jsonb({"count": removed, "before": before.isoformat()})
    await connection.execute(_RECORD, {"name": name, "details": details})
