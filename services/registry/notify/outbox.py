"""The outbox in Postgres: events, and for each destination the delivery of each.

Times are Postgres' own, so registries whose clocks differ agree on what is due.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from services.registry.notify.events import Draft, Event
from services.registry.notify.rules import GIVE_UP_SECONDS
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_changed

CLAIM_SECONDS: Final = 60.0
"""Longer than an attempt may take. If it has not ended by then, its registry is dead."""
_LONGEST_ERROR: Final = 500

_WRITE: Final = """
    WITH event AS (
        INSERT INTO outbox_events (kind, ended, about, device, data)
        VALUES (%(kind)s, %(ended)s, %(about)s, %(device)s, %(data)s)
        RETURNING number, about, device
    )
    INSERT INTO outbox_deliveries (destination, number, about, device)
    SELECT destination, number, about, coalesce(nullif(device, ''), %(subject)s)
    FROM event, unnest(%(destinations)s::text[]) AS destination
"""

# One that another registry claims right now is skipped. Of each device only the first that waits:
# so its events arrive in order, and one that fails holds up no other device's. Of the hub, each
# trouble and each alert stands for a device here.
_CLAIM: Final = """
    WITH due AS (
        SELECT destination, number
        FROM outbox_deliveries AS waiting
        WHERE destination = %(destination)s
          AND delivered_at IS NULL AND given_up_at IS NULL
          AND next_try_at <= clock_timestamp()
          AND NOT EXISTS (
              SELECT FROM outbox_deliveries AS earlier
              WHERE earlier.destination = waiting.destination
                AND earlier.about = waiting.about
                AND earlier.device = waiting.device
                AND earlier.number < waiting.number
                AND earlier.delivered_at IS NULL AND earlier.given_up_at IS NULL
          )
        ORDER BY number
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_deliveries AS claimed
    SET attempts = claimed.attempts + 1,
        next_try_at = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM due JOIN outbox_events AS event ON event.number = due.number
    WHERE claimed.destination = due.destination AND claimed.number = due.number
    RETURNING event.number, event.id, event.at, event.kind, event.ended, event.about, event.device,
              event.data, claimed.attempts,
              extract(epoch FROM clock_timestamp() - claimed.queued_at)::float8 AS age
"""
_DELIVERED: Final = """
    UPDATE outbox_deliveries
    SET delivered_at = clock_timestamp(), given_up_at = NULL, last_error = NULL
    WHERE destination = %(destination)s AND number = %(number)s AND delivered_at IS NULL
"""
# Not if another registry took this attempt for dead, and began the next one.
_FAILED: Final = """
    UPDATE outbox_deliveries
    SET next_try_at = clock_timestamp() + make_interval(secs => coalesce(%(delay)s, 0)::float8),
        given_up_at = CASE WHEN %(delay)s::float8 IS NULL THEN clock_timestamp() END,
        last_error = %(error)s
    WHERE destination = %(destination)s AND number = %(number)s AND attempts = %(attempts)s
      AND delivered_at IS NULL
"""
_ABANDON: Final = """
    UPDATE outbox_deliveries
    SET given_up_at = clock_timestamp(), last_error = 'no registry has this destination any more'
    WHERE delivered_at IS NULL AND given_up_at IS NULL
      AND queued_at < clock_timestamp() - make_interval(secs => %(seconds)s)
      AND destination <> ALL (%(destinations)s::text[])
"""
_AGAIN: Final = """
    UPDATE outbox_deliveries
    SET given_up_at = NULL, attempts = 0, queued_at = clock_timestamp(),
        next_try_at = clock_timestamp()
    WHERE given_up_at IS NOT NULL AND destination = ANY (%(destinations)s::text[])
      AND (%(event)s::uuid IS NULL
           OR number = (SELECT number FROM outbox_events WHERE id = %(event)s))
"""
_FIGURES: Final = """
    SELECT count(*) AS waiting,
           coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8 AS oldest
    FROM outbox_deliveries
    WHERE delivered_at IS NULL AND given_up_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this registry attempts now, and no other one."""

    number: int
    id: UUID
    at: datetime
    kind: str
    ended: bool
    about: str
    device: str
    data: dict[str, Any]
    attempts: int
    """This one included."""
    age: float
    """How long ago it was queued, in seconds."""

    @property
    def event(self) -> Event:
        """What to deliver."""
        return Event(
            self.id,
            self.number,
            self.at,
            self.kind,
            self.about,
            self.device,
            self.data,
            ended=self.ended,
        )


class Figures(NamedTuple):
    """How much waits."""

    waiting: int
    oldest: float
    """For how long the oldest has waited, in seconds; 0: nothing waits."""


async def write(
    connection: Connection, destinations: Collection[str], drafts: Sequence[Draft]
) -> None:
    """Write events, for these destinations; without any destination nothing is written.

    It needs a write transaction: the one that changes what they tell of.
    """
    if not destinations:
        return
    for draft in drafts:
        values = {
            "kind": draft.kind,
            "ended": draft.ended,
            "about": draft.about,
            "device": draft.device,
            "subject": draft.subject,
            "data": Jsonb(dict(draft.data)),
            "destinations": list(destinations),
        }
        await connection.execute(_WRITE, values)


async def claim(connection: Connection, destination: str, most: int) -> list[Claimed]:
    """Claim some deliveries that are due, at most one of each device, in their order."""
    values = {"destination": destination, "most": most, "seconds": CLAIM_SECONDS}
    found = await fetch_all(connection, Claimed, _CLAIM, values)
    return sorted(found, key=lambda each: each.number)


async def note_delivered(connection: Connection, destination: str, claimed: Claimed) -> None:
    """Note that a delivery arrived."""
    values = {"destination": destination, "number": claimed.number}
    await connection.execute(_DELIVERED, values)


async def note_failed(
    connection: Connection, destination: str, claimed: Claimed, error: str, delay: float | None
) -> None:
    """Note that an attempt failed.

    Args:
        connection: In a transaction.
        destination: Where it should have gone.
        claimed: The attempt.
        error: Why it failed.
        delay: When to try again, in seconds; None: never.
    """
    values = {
        "destination": destination,
        "number": claimed.number,
        "attempts": claimed.attempts,
        "error": error[:_LONGEST_ERROR],
        "delay": delay,
    }
    await connection.execute(_FAILED, values)


async def abandon_others(connection: Connection, destinations: Collection[str]) -> int:
    """Give up old deliveries to destinations that are none any more; return how many."""
    values = {"destinations": list(destinations), "seconds": GIVE_UP_SECONDS}
    return (await connection.execute(_ABANDON, values)).rowcount


async def try_again(
    connection: Connection, destinations: Collection[str], event: UUID | None
) -> int:
    """Let deliveries that were given up be tried again; return how many.

    Args:
        connection: In a transaction.
        destinations: Those that there are.
        event: Only of this one; None: of all.
    """
    values = {"destinations": list(destinations), "event": event}
    return (await connection.execute(_AGAIN, values)).rowcount


async def figures(connection: Connection) -> Figures:
    """Return how much waits."""
    return await fetch_changed(connection, Figures, _FIGURES, {})
