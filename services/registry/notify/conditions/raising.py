"""What was told of conditions, in Postgres: each is told once, and its end once."""

from collections.abc import Collection
from typing import Any, Final

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from services.registry.notify import outbox
from services.registry.notify.conditions.changes import Changes, Raised
from services.registry.notify.events import Draft, Kind
from services.registry.postgres.database import Connection

MOST_AT_ONCE: Final = 100
"""Changes in one transaction: each change of a device waits for it, and a venue's network takes
thousands of chargers with it."""

_RAISED: Final = "SELECT kind, subject FROM raised_conditions"
_RAISE: Final = """
    INSERT INTO raised_conditions (kind, subject, about, device, data)
    VALUES (%(kind)s, %(subject)s, %(about)s, %(device)s, %(data)s)
    ON CONFLICT (kind, subject) DO NOTHING
    RETURNING kind, subject, about, device, data
"""
_LOWER: Final = """
    DELETE FROM raised_conditions
    WHERE kind = %(kind)s AND subject = %(subject)s
    RETURNING kind, subject, about, device, data
"""

_ALERTS: Final = """
    SELECT subject, data ->> 'since'
    FROM raised_conditions
    WHERE kind = %(kind)s AND subject LIKE 'alert %%'
"""
_FORGET_ALERTS: Final = """
    DELETE FROM raised_conditions
    WHERE kind = %(kind)s AND subject LIKE 'alert %%'
      AND raised_at < clock_timestamp() - interval '7 days'
"""


async def raised(connection: Connection) -> Raised:
    """Return what was told and is not over."""
    found: dict[str, set[str]] = {}
    for kind, subject in await (await connection.execute(_RAISED)).fetchall():
        found.setdefault(kind, set()).add(subject)
    return found


async def tell(connection: Connection, destinations: Collection[str], changes: Changes) -> int:
    """Write what must be told into the outbox, and return how many events that are.

    It needs a write transaction. What another registry has told meanwhile is not told again.
    """
    drafts: list[Draft] = []
    for over in changes.over:
        row = await _row(connection, _LOWER, {"kind": over.kind, "subject": over.subject})
        if row is not None and over.is_told:
            drafts.append(Draft(**row, ended=True))
    for new in changes.new:
        values: dict[str, object] = {
            "kind": new.kind,
            "subject": new.subject,
            "about": new.about,
            "device": new.device,
            "data": Jsonb(dict(new.data)),
        }
        row = await _row(connection, _RAISE, values)
        if row is not None:
            drafts.append(Draft(**row))
    await outbox.write(connection, destinations, drafts)
    return len(drafts)


async def _row(
    connection: Connection, query: Any, values: dict[str, object]
) -> dict[str, Any] | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


async def alerts_raised(connection: Connection) -> dict[str, Any]:
    """Return since when those alerts fire that were told, by their subjects.

    One whose end was never told is forgotten after a week, or they would pile up.
    """
    await connection.execute(_FORGET_ALERTS, {"kind": Kind.HUB_TROUBLE})
    cursor = await connection.execute(_ALERTS, {"kind": Kind.HUB_TROUBLE})
    return dict(await cursor.fetchall())
