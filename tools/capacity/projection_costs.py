"""Measure what a full projection of the directory costs.

``python -m tools.capacity.projection_costs``. A private Postgres and Redis, each used by nothing
else, get paired devices; a registry's projector copies all of them once to fill Redis, and once
more as it does every few minutes. The printed lines are for ``coefficients.toml``.
"""

import argparse
import asyncio
import random
import sys
import time
import tracemalloc
from contextlib import closing

import psycopg
import redis

from services.registry.directory.projection import Projection
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.migrate import load, migrate
from shared.bus.single_server_bus import SingleServerBus
from shared.contract.names import Names
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.open import open_postgres_server
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

_NEVER = 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.capacity.projection_costs")
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=64)
    arguments = parser.parse_args()
    options = ServerOptions.of_tests()
    with (
        closing(open_redis_server(options)) as redis_server,
        closing(open_postgres_server(options)) as postgres_server,
        temporary_database(postgres_server) as dsn,
    ):
        asyncio.run(_measure(redis_server.url, dsn, arguments.devices, arguments.partitions))


async def _measure(redis_url: str, dsn: str, devices: int, partitions: int) -> None:
    await _register(dsn, devices // 2)
    bus = SingleServerBus(redis_url, "costs")
    async with Database(connection_string(dsn, "costs")) as database:
        database.migrated.set()
        projector = Projector(
            database=database,
            bus=bus,
            projection=Projection(bus, Names(partitions)),
            agreement={"CHARGELIGHT_PARTITIONS": str(partitions)},
            full_seconds=_NEVER,
            poll_seconds=_NEVER,
            rng=random.SystemRandom(),
        )
        running = asyncio.create_task(projector.run())
        while projector.not_ready_because:
            await projector.wait_for(1)
        client = redis.Redis.from_url(redis_url)
        before = _cpu(client), time.process_time(), time.monotonic()
        await _project_again(projector)
        after = _cpu(client), time.process_time(), time.monotonic()
        for name, start, end in zip(("Redis", "registry", "time"), before, after, strict=True):
            sys.stdout.write(f"{name:<12} {1e6 * (end - start) / devices:8.1f} us per device\n")
        tracemalloc.start()
        await _project_again(projector)
        peak = tracemalloc.get_traced_memory()[1]
        sys.stdout.write(f"{'memory':<12} {peak / 1000 / devices:8.2f} KB per device\n")
        running.cancel()
    await bus.close()


async def _register(dsn: str, pairs: int) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await migrate(connection, load())
        for statement in (
            "INSERT INTO chargers (id) SELECT 'c' || i FROM generate_series(1000001, %s) i",
            "INSERT INTO widgets (id) SELECT 'w' || i FROM generate_series(1000001, %s) i",
            """INSERT INTO pairings (charger_id, widget_id)
               SELECT 'c' || i, 'w' || i FROM generate_series(1000001, %s) i""",
        ):
            await connection.execute(statement, [1_000_000 + pairs])
        await connection.execute("ANALYZE")


async def _project_again(projector: Projector) -> None:
    projector.request_full_projection()
    while projector.projected_number is None:
        await projector.wait_for(1)


def _cpu(client: "redis.Redis") -> float:
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


if __name__ == "__main__":
    main()
