"""The connection on which Postgres notifies of changes of the directory.

Setup is recovery: each time it connects, it migrates, listens, and then requests a full
projection, because notifications sent meanwhile are lost.
https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import AsyncConnection

from services.registry.postgres.database import (
    Connection,
    Database,
    PostgresUnavailableError,
    translate_errors,
)
from services.registry.postgres.migrate import Migration, migrate
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.runtime import CannotServeError

_HEARTBEAT_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 3 * _HEARTBEAT_SECONDS
"""Without an answer for so long, Postgres counts as away, though the connection stands."""

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Listener:
    """Knows whether Postgres is there, and passes on its notifications."""

    conninfo: str
    """What `connection_string` returned."""
    database: Database
    """Its ``migrated`` is set when the tables are there."""
    migrations: Sequence[Migration]
    on_connected: Callable[[], None]
    """Called after each connect."""
    on_change: Callable[[], None]
    """Called when the directory changed."""
    rng: random.Random

    def __post_init__(self) -> None:
        """Begin without a connection."""
        self._backoff = Backoff(0.1, 1.0, self.rng)
        self._reason: str | None = "not connected yet"
        self._logged_away = False
        self._answered_at = time.monotonic()

    @property
    def not_ready_because(self) -> str | None:
        """Why Postgres cannot be used; None while it can."""
        if self._reason is None and time.monotonic() - self._answered_at > _SILENCE_SECONDS:
            return "Postgres does not answer"
        return self._reason and f"Postgres: {self._reason}"

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            CannotServeError: The migrations do not fit this database.
        """
        while True:
            try:
                with translate_errors():
                    await self._serve()
            except PostgresUnavailableError as error:
                self._set_reason(str(error))
            await asyncio.sleep(self._backoff.delay())

    async def _serve(self) -> None:
        async with await AsyncConnection.connect(self.conninfo, autocommit=True) as connection:
            await self._migrate(connection)
            await connection.execute("LISTEN directory_changed")
            self.database.migrated.set()
            self._set_reason(None)
            self._backoff.reset()
            self.on_connected()
            await self._listen(connection)

    async def _migrate(self, connection: Connection) -> None:
        try:
            await migrate(connection, self.migrations)
        except psycopg.errors.InsufficientPrivilege as error:
            raise CannotServeError(
                f"Postgres does not let this user make tables ({error.diag.message_primary}). "
                "Let it own the database: ALTER DATABASE … OWNER TO …"
            ) from error

    async def _listen(self, connection: Connection) -> None:
        while True:
            self._answered_at = time.monotonic()
            # One notification stands for many: all changes are read each time.
            async for _ in connection.notifies(timeout=_HEARTBEAT_SECONDS, stop_after=1):
                self.on_change()
            await connection.execute("SELECT 1")

    def _set_reason(self, reason: str | None) -> None:
        self._reason = reason
        if reason is None:
            _log.info("postgres is there")
        elif not self._logged_away:
            _log.warning("postgres is away", reason=reason)
        self._logged_away = reason is not None
