"""What `chargelight hub` says of a Postgres that is away."""

import pytest

from services.registry.hub.postgres_watch import PostgresWatch
from services.registry.postgres.conditions import AWAY, HUNG, PostgresUnavailableError, unavailable
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.troubles import reason_of
from tools.servers.ports import LOOPBACK, free_port


async def test_it_says_why_postgres_cannot_be_reached() -> None:
    dsn = f"host={LOOPBACK} port={free_port()} user=nobody dbname=nothing"
    async with Database(connection_string(dsn, "test")) as database:
        database.migrated.set()
        watch = PostgresWatch(database, lambda: None)
        with pytest.raises(PostgresUnavailableError, match="refused") as told:
            await watch.look_once()
    assert told.value.condition is AWAY


def test_one_that_does_not_answer_is_said_once() -> None:
    reason = reason_of(unavailable(TimeoutError()))
    assert reason == f"{HUNG.summary}. {HUNG.remedy}"
