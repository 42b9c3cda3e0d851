"""Postgres that hangs: its connections are open, and nobody answers."""

import time

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database, connection_string
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
                    else database.write_transaction("me", within)
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
