"""What Postgres says of itself, looked at every few seconds and kept while it is away."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import WAIT_SECONDS, Database
from services.registry.postgres.troubles import reason_of
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_LOOK_SECONDS: Final = 3.0
_DEADLINE_SECONDS: Final = WAIT_SECONDS + 1.0
"""Longer than a connection may take: its failure says why, and a missed deadline does not."""

_FIGURES: Final = """
    SELECT current_setting('server_version'),
           current_setting('max_connections')::int,
           -- Of all users: pg_stat_activity hides those of others.
           (SELECT sum(numbackends)::int FROM pg_stat_database),
           pg_database_size(current_database()),
           (SELECT count(*) FROM chargers WHERE pairing_number > %(projected)s)
           + (SELECT count(*) FROM widgets WHERE pairing_number > %(projected)s)
           + (SELECT count(*) FROM unregistered WHERE pairing_number > %(projected)s)
"""


class PostgresLook(NamedTuple):
    """What was found."""

    looked_at: float
    """In seconds of our monotonic clock."""
    version: str
    connections_max: int
    connections: int
    size: int
    """Of the database, in bytes."""
    unprojected: int | None
    """Devices with a change that is not in Redis yet; None: not known."""


@dataclass(eq=False, repr=False)
class PostgresWatch:
    """Looks at Postgres again and again."""

    database: Database
    projected_number: Callable[[], int | None]
    """Returns up to which pairing number changes are in Redis."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.look: PostgresLook | None = None
        """The last one that went well."""
        self.trouble: str | None = "Postgres was not there since this registry started"
        """Why it could not be looked at; None: it could."""
        self._failure_log = RateLimitedLog(_log, "postgres cannot be looked at")

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        await self.database.migrated.wait()
        while True:
            try:
                await self.look_once()
            except PostgresUnavailableError as error:
                self.trouble = reason_of(error)
            except Exception as error:  # noqa: BLE001 - a registry does not end because of this
                self.trouble = "what Postgres answers cannot be read"
                self._failure_log.log(repr(error))
            else:
                self.trouble = None
            await asyncio.sleep(_LOOK_SECONDS)

    async def look_once(self) -> None:
        """Look now.

        Raises:
            PostgresUnavailableError: Postgres is away, or refuses.
        """
        projected = self.projected_number()
        async with self.database.connection(within=_DEADLINE_SECONDS) as connection:
            rows = await connection.execute(_FIGURES, {"projected": projected or 0})
            row = await rows.fetchone()
        assert row is not None  # noqa: S101 - it has no FROM
        version, most, connections, size, unprojected = row
        self.look = PostgresLook(
            looked_at=self.clock(),
            version=version.partition(" ")[0],  # without who packed it
            connections_max=most,
            connections=connections,
            size=size,
            unprojected=None if projected is None else unprojected,
        )
