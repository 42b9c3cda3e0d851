"""The connection on which Postgres notifies of changes of the directory.

Setup is recovery: each time it connects, it migrates, checks that the registry can work,
listens, and then requests a full projection, because notifications sent meanwhile are lost.
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

from services.registry.postgres import schema_check
from services.registry.postgres.conditions import RIGHTS, TABLES, PostgresUnavailableError
from services.registry.postgres.database import (
    CONNECTION_OPTIONS,
    Connection,
    Database,
    translate_errors,
)
from services.registry.postgres.migrate import Migration, migrate
from services.registry.postgres.troubles import Troubles
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.runtime import CannotServeError

_HEARTBEAT_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 3 * _HEARTBEAT_SECONDS
"""Without an answer for so long, Postgres counts as away, though the connection stands."""
_GIVING_UP_SECONDS: Final = 1.0

_PART: Final = "postgres listener"
RESTORED: Final = "restored"
"""What a notification says after a restore: all may have changed, also what has old numbers."""

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
    """Called after each connect, and after a restore: changes may have been missed."""
    on_change: Callable[[], None]
    """Called when the directory changed."""
    troubles: Troubles
    rng: random.Random

    def __post_init__(self) -> None:
        """Begin without a connection."""
        self._backoff = Backoff(0.1, 1.0, self.rng)
        self._answered_at = time.monotonic()
        self.is_connected = False
        """Whether its connection works, as far as is known."""
        self._heard = False
        self._deafness_logged = False

    @property
    def not_ready_because(self) -> str | None:
        """Why Postgres cannot be used, if `Troubles` does not know it; None while it can."""
        if not self.database.migrated.is_set():
            return "Postgres: not connected yet, or the tables are being made"
        if time.monotonic() - self._answered_at > _SILENCE_SECONDS:
            return "Postgres does not answer"
        return None

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            CannotServeError: The migrations do not fit this database, and it never was otherwise
                since this registry started.
        """
        while True:
            try:
                with translate_errors():
                    await self._serve()
            except PostgresUnavailableError as error:
                self.troubles.begin(_PART, error)
            self.is_connected = False
            await asyncio.sleep(self._backoff.delay())

    async def _serve(self) -> None:
        connecting = AsyncConnection.connect(self.conninfo, **CONNECTION_OPTIONS)
        async with await connecting as connection:
            await self._migrate(connection)
            await self._check(connection)
            await connection.execute("LISTEN directory_changed")
            self.is_connected = True
            self.database.migrated.set()
            self.troubles.end(_PART)
            self._backoff.reset()
            self.on_connected()
            await self._ring()
            await self._listen(connection)

    async def _migrate(self, connection: Connection) -> None:
        if self.database.migrated.is_set():
            # No tables are made where there were some: a dump may be on its way, and an empty
            # directory would unregister all devices.
            await self._check(connection)
        try:
            await migrate(connection, self.migrations)
        except psycopg.errors.InsufficientPrivilege as error:
            said = f"Postgres does not let this user make tables ({error.diag.message_primary})"
            if self.database.migrated.is_set():
                raise PostgresUnavailableError(said, RIGHTS) from error
            raise CannotServeError(
                f"{said}. Let their owner make them: chargelight-registry migrate"
            ) from error
        except CannotServeError as error:
            # A registry that has served waits for what was right before to be right again.
            if self.database.migrated.is_set():
                raise PostgresUnavailableError(str(error), TABLES) from error
            raise

    async def _check(self, connection: Connection) -> None:
        # See `Database.connection` for why there are two.
        async with (
            asyncio.timeout(_SILENCE_SECONDS + _GIVING_UP_SECONDS),
            asyncio.timeout(_SILENCE_SECONDS),
        ):
            await schema_check.check(connection)
        self._answered_at = time.monotonic()

    async def _ring(self) -> None:
        """Notify as another registry would: whether it arrives is seen in `_listen`."""
        self._heard = False
        async with self.database.connection() as another:
            await another.execute("NOTIFY directory_changed")

    async def _listen(self, connection: Connection) -> None:
        while True:
            # One notification stands for many: all changes are read each time.
            async for each in connection.notifies(timeout=_HEARTBEAT_SECONDS, stop_after=1):
                self._heard = True
                (self.on_connected if each.payload == RESTORED else self.on_change)()
            if not self._heard and not self._deafness_logged:
                self._deafness_logged = True
                _log.warning(
                    "notifications of postgres do not arrive",
                    reason="a pooler stands between that gives each transaction another connection",
                    remedy="changes made elsewhere are found by looking, every "
                    "CHARGELIGHT_REGISTRY_POLL_SECONDS. To hear of them at once, let "
                    "CHARGELIGHT_POSTGRES_DSN lead to Postgres itself",
                )
            await self._check(connection)
