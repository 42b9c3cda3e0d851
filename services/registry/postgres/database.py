"""Postgres: a pool of connections, and one exception for all ways to fail.

All that is set is set for a transaction (``SET LOCAL``), and nothing is prepared: so the
registry also works behind a pooler that gives each transaction another connection.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Self, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.registry.postgres.actor import REGISTRY, Actor
from services.registry.postgres.conditions import PostgresUnavailableError, unavailable
from services.registry.postgres.troubles import Troubles

Connection: TypeAlias = AsyncConnection[TupleRow]

WAIT_SECONDS: Final = 2
"""How long a connection, or the lock on the directory, may take before Postgres counts as away."""

# A server whose packets go nowhere must not hold a call for the 15 minutes that
# TCP would: https://www.postgresql.org/docs/current/libpq-connect.html
_DETECT_LOSS: Final = {
    "connect_timeout": WAIT_SECONDS,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
_MAX_CONNECTIONS: Final = 8

STATEMENT_SECONDS: Final = 10
"""How long Postgres works on one statement before it gives up."""

WORK_SECONDS: Final = 12.0
"""How long one piece of work may take. After that Postgres counts as away: a server that
hangs (paused, disk full) keeps its connections open and would hold each call for ever."""

LONG_WORK_SECONDS: Final = 180.0
"""The same for work on the whole directory."""

_LIMITS: Final = (
    # An open transaction in psql may hold a lock: then fail instead of hanging.
    f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s';"
    f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s';"
    # Whatever is set for the role or the database: a writer must see, once it has the lock on
    # the directory, what the writer before it did; and psycopg reads dates in this form only.
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;"
    "SET LOCAL DateStyle = 'ISO'"
).encode()

CONNECTION_OPTIONS: Final[dict[str, Any]] = {
    "autocommit": True,
    # A prepared statement belongs to one connection and to tables as they were: a pooler
    # changes the former, a dump that is restored changes the latter.
    "prepare_threshold": None,
}

_SET_ACTOR: Final = """
    SELECT set_config('chargelight.operator', %s, true),
           set_config('chargelight.key', %s, true),
           set_config('chargelight.address', %s, true)
"""

_WRITING: Final = "writing"
_TRY: Final = """
    INSERT INTO unregistered (kind, id, pairing_number) VALUES ('charger', 'nobody', 0)
    ON CONFLICT (kind, id) DO UPDATE SET pairing_number = 0
"""

_GIVING_UP_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 1.0


def connection_string(dsn: str, application_name: str) -> str:
    """Add our defaults to a connection string; the name is shown by ``pg_stat_activity``."""
    said = conninfo_to_dict(dsn)
    own: dict[str, str | int] = {
        "application_name": application_name,
        "client_encoding": "UTF8",  # whatever is set for the role
        **_DETECT_LOSS,
    }
    return make_conninfo(dsn, **{name: own[name] for name in own if name not in said})


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Raise `PostgresUnavailableError` for all that psycopg raises, and for a missed deadline."""
    try:
        yield
    except (psycopg.Error, TimeoutError) as error:
        raise unavailable(error) from error


class Database:
    """Connections for short work, at most a few at a time.

    All methods raise `PostgresUnavailableError` while Postgres is away or refuses, within a
    few seconds, also when that begins in the middle.
    """

    def __init__(self, conninfo: str, troubles: Troubles | None = None) -> None:
        self._troubles = troubles or Troubles()
        self.migrated = asyncio.Event()
        """Set once the tables are there; until then there are no connections."""
        self._refusal: psycopg.Error | None = None
        self._pool = AsyncConnectionPool(
            conninfo,
            connection_class=_connections_that_note(self._note_refusal),
            kwargs=CONNECTION_OPTIONS,
            # No connection is kept ready, so that the pool connects only when a caller
            # waits: also right after an outage.
            min_size=0,
            max_size=_MAX_CONNECTIONS,
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def __aenter__(self) -> Self:
        """Open the pool, without connecting yet."""
        # It would log each attempt; callers log what matters.
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        # One that is being opened to a server that hangs is left alone.
        await self._pool.close(timeout=_CLOSE_SECONDS)

    @property
    def waiting(self) -> int:
        """How much work waits for a connection."""
        return self._pool.get_stats().get("requests_waiting", 0)

    @contextlib.asynccontextmanager
    async def connection(self, within: float = WORK_SECONDS) -> AsyncIterator[Connection]:
        """Give a connection in a transaction; the work may take ``within`` seconds."""
        if not self.migrated.is_set():
            raise PostgresUnavailableError("Postgres was not there since this registry started")
        with translate_errors():
            # At the first deadline psycopg asks the server to cancel the statement; at the
            # second it closes the connection.
            async with (
                asyncio.timeout(within + _GIVING_UP_SECONDS),
                asyncio.timeout(within),
                self._pooled() as connection,
                connection.transaction(),
            ):
                await connection.execute(_LIMITS)
                yield connection

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Give a connection on which all statements see the same moment."""
        async with self.connection(LONG_WORK_SECONDS) as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextlib.asynccontextmanager
    async def write_transaction(
        self, by: Actor, within: float = WORK_SECONDS
    ) -> AsyncIterator[Connection]:
        """Give a connection in a transaction that is the only writer of the directory.

        Args:
            by: The operator who makes the change, for the audit log.
            within: How long the work may take, in seconds.

        Locking is a statement of its own, before all others: a statement that
        waits for the lock inside a trigger has taken its snapshot already, and
        would not see what the writer before it did.
        """
        try:
            async with self.connection(within) as connection:
                await connection.execute("SELECT lock_directory()")
                await connection.execute(_SET_ACTOR, (by.name, by.key_id, by.address))
                yield connection
        except PostgresUnavailableError as error:
            if error.lasts:
                self._troubles.begin(_WRITING, error)
            raise
        self._troubles.end(_WRITING)

    async def try_to_write_again(self) -> None:
        """Make a change and undo it, if the last one was refused.

        No request may come that would show that this is over.

        Raises:
            PostgresUnavailableError: It is not over.
        """
        if self._troubles.has(_WRITING):
            async with (
                self.write_transaction(REGISTRY) as connection,
                connection.transaction(force_rollback=True),
            ):
                await connection.execute(_TRY)

    @contextlib.asynccontextmanager
    async def _pooled(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            # The pool only says that it has none; why is what the server said to it.
            raise self._refusal or error from error

    def _note_refusal(self, refusal: psycopg.Error | None) -> None:
        self._refusal = refusal


def _connections_that_note(
    note: Callable[[psycopg.Error | None], None],
) -> type[AsyncConnection[TupleRow]]:
    """Return a class of connections that tells why one could not be opened; None: it could."""

    class NotedConnection(AsyncConnection[TupleRow]):
        @classmethod
        async def connect(cls, conninfo: str = "", **options: Any) -> Self:
            try:
                connection = await super().connect(conninfo, **options)
            except psycopg.Error as error:
                note(error)
                raise
            note(None)
            return connection

    return NotedConnection
