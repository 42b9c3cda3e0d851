"""Conditions that rentals tell: phones that are ready, widgets that are missing."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg.rows import dict_row
from psycopg.sql import SQL

from services.registry.notify.conditions.changes import Changes, Condition, Raised, changes_of
from services.registry.notify.conditions.limits import Limits
from services.registry.notify.events import About, Kind
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import Query, Values, fetch_all

_READY: Final = SQL("""
    SELECT rentals.id::text AS subject, charger_id AS device, reached_100_at AS since,
           widget_id AS widget, charger_id AS charger, label, location
    FROM rentals LEFT JOIN chargers ON chargers.id = charger_id
    WHERE collected_at IS NULL
      AND reached_100_at <= clock_timestamp() - make_interval(secs => %(seconds)s)
""")
# One that is missing for longer than a day was missing before this was switched on: no news.
_MISSING: Final = SQL("""
    SELECT rentals.id::text AS subject, widget_id AS device, collected_at AS since,
           widget_id AS widget, charger_id AS charger, label, location
    FROM rentals LEFT JOIN widgets ON widgets.id = widget_id
    WHERE collected_at IS NOT NULL AND widget_returned_at IS NULL AND widget_id IS NOT NULL
      AND collected_at <= clock_timestamp() - make_interval(secs => %(seconds)s)
      AND (collected_at > clock_timestamp() - make_interval(days => 1, secs => %(seconds)s)
           OR rentals.id = ANY (%(raised)s::uuid[]))
""")
_RETURNED: Final = """
    SELECT id::text
    FROM rentals
    WHERE id = ANY (%(raised)s::uuid[]) AND widget_returned_at IS NOT NULL
"""
_IN_USE: Final = SQL("""
    SELECT charger_id AS charger, opened_at, label, location
    FROM rentals JOIN chargers ON chargers.id = charger_id
    WHERE collected_at IS NULL
    ORDER BY charger_id
""")


class InUse(NamedTuple):
    """A charger with a visitor's phone."""

    charger: str
    opened_at: datetime
    label: str
    location: str


async def changes(connection: Connection, limits: Limits, raised: Raised) -> Changes:
    """Return what must be told of phones and widgets."""
    found = Changes()
    if limits.ready:
        present = await _conditions(
            connection, Kind.PHONE_READY, About.CHARGER, _READY, {"seconds": limits.ready}
        )
        # That a phone was collected is no news for those who gave it back.
        found += changes_of(Kind.PHONE_READY, present, raised.get(Kind.PHONE_READY, ()))
    if limits.returned:
        told = raised.get(Kind.WIDGET_MISSING, ())
        values = {"seconds": limits.returned, "raised": list(told)}
        present = await _conditions(connection, Kind.WIDGET_MISSING, About.WIDGET, _MISSING, values)
        untold = set(told) - await _returned(connection, told)
        found += changes_of(Kind.WIDGET_MISSING, present, told, untold=untold)
    return found


async def chargers_in_use(connection: Connection) -> list[InUse]:
    """Return the chargers with a visitor's phone."""
    return await fetch_all(connection, InUse, _IN_USE)


async def _conditions(
    connection: Connection, kind: Kind, about: About, query: Query, values: Values
) -> list[Condition]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        rows = await cursor.fetchall()
    return [Condition(kind, row["subject"], about, row["device"], _data(row)) for row in rows]


def _data(row: dict[str, Any]) -> dict[str, Any]:
    """Return what an event says; the ticket is not in it."""
    return {
        "rental": row["subject"],
        "charger": row["charger"],
        "widget": row["widget"],
        "since": row["since"].isoformat(timespec="seconds"),
        "label": row["label"] or "",
        "location": row["location"] or "",
    }


async def _returned(connection: Connection, told: Collection[str]) -> set[str]:
    """Return those whose widget came back. Others are gone: a rental is not kept for ever."""
    if not told:
        return set()
    cursor = await connection.execute(_RETURNED, {"raised": list(told)})
    return {subject for (subject,) in await cursor.fetchall()}
