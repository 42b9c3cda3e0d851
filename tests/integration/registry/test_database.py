"""Postgres that hangs: its connections are open, and nobody answers."""

import asyncio
import time

import pytest
from psycopg import AsyncConnection, AsyncServerCursor, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, tuple_row

from services.registry.postgres.actor import Actor
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.queries import server_cursor
from tests.fixtures.fault_proxy import HOST, stalling_proxy
from tests.integration.registry.conftest import By

GENEROUS_SECONDS = 10


@pytest.mark.parametrize("way", ["reading", "changing"])
async def test_work_on_a_postgres_that_hangs_ends_and_says_so(
    way: str, postgres_dsn: str, by_hand: By
) -> None:
    assert not by_hand.closed  # the tables are there
    where = conninfo_to_dict(postgres_dsn)
    async with stalling_proxy(str(where["host"]), int(str(where["port"]))) as proxy:
        dsn = make_conninfo(postgres_dsn, host=HOST, port=proxy.port)
        async with Database(connection_string(dsn, "test")) as database:
            database.migrated.set()

            async def work(within: float) -> None:
                given = (
                    database.connection(within)
                    if way == "reading"
                    else database.write_transaction(Actor("me"), within)
                )
                async with given as connection:
                    await connection.execute("SELECT 1")
                    proxy.stall()
                    await connection.execute("SELECT 2")

            began = time.monotonic()
            with pytest.raises(PostgresUnavailableError, match="does not answer in time"):
                await work(within=0.3)
            assert time.monotonic() - began < GENEROUS_SECONDS

            proxy.heal()
            async with database.connection() as connection:
                cursor = await connection.execute("SELECT 3")
                assert await cursor.fetchone() == (3,)


async def test_a_postgres_that_hangs_when_connected_to_is_away_too(postgres_dsn: str) -> None:
    where = conninfo_to_dict(postgres_dsn)
    async with stalling_proxy(str(where["host"]), int(str(where["port"]))) as proxy:
        proxy.stall()
        dsn = make_conninfo(postgres_dsn, host=HOST, port=proxy.port)
        async with Database(connection_string(dsn, "test")) as database:
            database.migrated.set()
            began = time.monotonic()
            with pytest.raises(PostgresUnavailableError):
                async with database.connection(within=0.3) as connection:
                    await connection.execute("SELECT 1")
            assert time.monotonic() - began < GENEROUS_SECONDS


async def test_a_cursor_in_the_server_is_closed_if_its_connection_ends(
    postgres_dsn: str, by_hand: By, admin: By
) -> None:
    assert not by_hand.closed
    cursors: list[AsyncServerCursor[TupleRow]] = []
    async with await AsyncConnection.connect(postgres_dsn) as connection:
        backend = connection.info.backend_pid

        async def read() -> None:
            async with server_cursor(connection, "numbers", tuple_row) as cursor:
                cursors.append(cursor)
                await cursor.execute("SELECT * FROM generate_series(1, 9)")
                await cursor.fetchmany(2)
                await admin.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])

        with pytest.raises(OperationalError):
            await read()
        # psycopg warns of one that is not, which is an error in tests.
        assert cursors[0].closed


async def test_a_cursor_in_the_server_is_closed_if_its_closing_is_cancelled(
    postgres_dsn: str, by_hand: By
) -> None:
    assert not by_hand.closed
    cursors: list[AsyncServerCursor[TupleRow]] = []
    async with await AsyncConnection.connect(postgres_dsn) as connection:

        async def read() -> None:
            async with server_cursor(connection, "numbers", tuple_row) as cursor:
                cursors.append(cursor)
                await cursor.execute("SELECT * FROM generate_series(1, 9)")
                await connection.lock.acquire()
                closing.set()

        closing = asyncio.Event()
        task = asyncio.create_task(read())
        await closing.wait()
        task.cancel()
        await asyncio.sleep(0)
        connection.lock.release()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cursors[0].closed
