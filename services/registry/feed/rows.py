"""What Postgres knows of chargers and the phones in them, kept while Postgres is away."""

import asyncio
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

from psycopg.sql import SQL

from services.registry.feed.tile import Row
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Connection, Database
from services.registry.postgres.queries import fetch_value
from shared.process.waiting import wait_for_event

_LOOK_SECONDS: Final = 1.0
"""How often to ask Postgres whether anything changed."""
_ASKED_SECONDS: Final = 0.25
"""How long to collect chargers of which a doorbell says that they changed."""
_LEAST_SECONDS: Final = 2.0
"""Between two times that all rows are read."""
_MOST_SECONDS: Final = 30.0
"""All are read so often at least: a transaction that ended late may have been missed."""
_CHUNK: Final = 500

_ROWS: Final = SQL("""
    SELECT chargers.id, label, location, chargers.booth, rentals.id, ticket, opened_at, widget_id,
           reached_80_at, reached_100_at
    FROM chargers
    LEFT JOIN rentals ON charger_id = chargers.id AND collected_at IS NULL
    WHERE NOT canary AND {which}
    ORDER BY chargers.id LIMIT %(rows)s
""")
_AFTER: Final = SQL("chargers.id > %(after)s")
_THESE: Final = SQL("chargers.id = ANY (%(ids)s)")
# Each change of a device or a rental has its line, also one made by hand.
_NEWEST_CHANGE: Final = "SELECT max(id) FROM audit_log"


class Rows:
    """The rows of all chargers but canaries, read again when something has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = asyncio.Event()
        self._asked: set[str] = set()
        self._seen: int | None = None
        self._read_at = float("-inf")
        self.all: dict[str, Row] = {}
        self.changed: set[str] = set()
        """Chargers whose row is another one, or gone; the feed takes them."""
        self.is_loaded = False
        """Whether all were read once."""
        self.away_since: datetime | None = None
        """Since when Postgres cannot be read; None: it can."""

    def ask(self, chargers: Iterable[str]) -> None:
        """Read some chargers soon: a doorbell said that they changed."""
        self._asked.update(chargers)
        self._wake.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except PostgresUnavailableError:
                self.away_since = self.away_since or datetime.now(UTC)
            else:
                self.away_since = None
            await wait_for_event(self._wake, _LOOK_SECONDS)
            self._wake.clear()
            await asyncio.sleep(_ASKED_SECONDS)

    async def _read(self) -> None:
        async with self._database.connection() as connection:
            newest = await fetch_value(connection, _NEWEST_CHANGE, {}) or 0
        waited = time.monotonic() - self._read_at
        if waited >= _MOST_SECONDS or (newest != self._seen and waited >= _LEAST_SECONDS):
            await self.read_all()
            self._seen = newest
        elif self._asked:
            asked, self._asked = self._asked, set()
            await self._read_some(asked)

    async def read_all(self) -> None:
        """Read the rows of all chargers.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        self._read_at = time.monotonic()
        self._asked.clear()
        found: dict[str, Row] = {}
        after = ""
        while True:
            # A transaction for each: no connection is kept from operators for long.
            async with self._database.connection() as connection:
                some = await _fetch(connection, _AFTER, after=after, rows=_CHUNK)
            found |= some
            if len(some) < _CHUNK:
                break
            after = max(some)
        self._take(found, self.all.keys() | found.keys())
        self.is_loaded = True

    async def _read_some(self, chargers: Collection[str]) -> None:
        async with self._database.connection() as connection:
            found = await _fetch(connection, _THESE, ids=list(chargers), rows=len(chargers))
        self._take(found, chargers)

    def _take(self, found: dict[str, Row], of: Collection[str]) -> None:
        for charger in of:
            row = found.get(charger)
            if row == self.all.get(charger):
                continue
            self.changed.add(charger)
            if row is None:
                del self.all[charger]
            else:
                self.all[charger] = row


async def _fetch(connection: Connection, which: SQL, **values: object) -> dict[str, Row]:
    cursor = await connection.execute(_ROWS.format(which=which), values)
    return {row[0]: Row(*row) for row in await cursor.fetchall()}
