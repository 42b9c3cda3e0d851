"""Failed logins, refused roles and exports in the audit log: counted, then written.

A client that tries a thousand keys a second makes one entry, and fills neither memory nor table.
"""

import asyncio
import contextlib
import random
from collections import Counter
from enum import Enum
from typing import Any, Final, NamedTuple

from psycopg.types.json import Jsonb

from services.registry.postgres.actor import REGISTRY, Actor
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles
from shared.process import logs

WRITE_SECONDS: Final = 5.0
MAX_DISTINCT: Final = 20
"""Entries of one kind that are written at once; the rest is one more entry, with their number."""

_INSERT: Final = """
    INSERT INTO audit_log (who, key_id, address, action, kind, subject, details)
    VALUES (%(who)s, nullif(%(key_id)s, ''), nullif(%(address)s, ''), %(action)s, %(kind)s,
            %(subject)s, %(details)s)
"""
_NOBODY: Final = Actor("nobody")

_LOGGED: Final = ("who", "key_id", "address", "kind", "subject", "count")

_log = logs.get(__name__)


class AccessKind(Enum):
    """What happened: the kind of its entry, and the action."""

    LOGIN = ("login", "refused")
    ROLE = ("role", "refused")
    EXPORT = ("export", "exported")


class AccessEvent(NamedTuple):
    """Something that changed nothing, and that an operator wants to know of."""

    kind: AccessKind
    actor: Actor
    subject: str
    """Why a login was refused; else the operation."""


class AccessEvents:
    """Counts events, and writes them to the audit log every few seconds."""

    def __init__(self, database: Database, troubles: Troubles, rng: random.Random) -> None:
        self._database = database
        self._attempts = Attempts("access events", troubles, rng)
        self._counts: dict[AccessKind, Counter[AccessEvent]] = {
            kind: Counter() for kind in AccessKind
        }
        self._wake = asyncio.Event()

    def note(self, kind: AccessKind, actor: Actor, subject: str) -> None:
        """Count an event."""
        event, counts = AccessEvent(kind, actor, subject), self._counts[kind]
        if event not in counts and len(counts) >= MAX_DISTINCT:
            event = AccessEvent(kind, _NOBODY, "others")
        counts[event] += 1
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled."""
        await self._database.migrated.wait()
        while True:
            await self._wake.wait()
            async with self._attempts.attempt():
                await self.write()
            await asyncio.sleep(WRITE_SECONDS)

    async def write_last(self) -> None:
        """Write what is left, before the registry ends; if Postgres is away, it is lost."""
        if any(self._counts.values()):
            with contextlib.suppress(PostgresUnavailableError):
                await self.write()

    async def write(self) -> None:
        """Write what was counted; what cannot be written stays.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        self._wake.clear()
        taken = {kind: counts.copy() for kind, counts in self._counts.items()}
        try:
            await self._insert([each for counts in taken.values() for each in counts.items()])
        except BaseException:
            self._wake.set()
            raise
        for kind, counts in taken.items():
            self._counts[kind] -= counts

    async def _insert(self, events: list[tuple[AccessEvent, int]]) -> None:
        rows = [_row(event, count) for event, count in events]
        async with self._database.write_transaction(REGISTRY) as connection:
            await connection.cursor().executemany(_INSERT, rows)
        for row in rows:
            if row["action"] == "refused":
                _log.warning("access refused", **{name: row[name] for name in _LOGGED})


def _row(event: AccessEvent, count: int) -> dict[str, Any]:
    name, action = event.kind.value
    return {
        "who": event.actor.name,
        "key_id": event.actor.key_id,
        "address": event.actor.address,
        "action": action,
        "kind": name,
        "subject": event.subject,
        "details": Jsonb({"count": count}),
        "count": count,
    }
