"""How long an import of a whole festival takes: until its answer, and until Redis has all of it.

Each round has a Redis and a database of its own, so that each begins with nothing. The time in
Redis is when every entry is there, seen from outside; the answer comes after that.
"""

import asyncio
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx
from redis.asyncio import Redis

from shared.contract.names import Names
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.fixtures.hub import Hub
from tools.servers.postgres.databases import create_database, drop_database, dsn_of
from tools.servers.postgres.open import open_postgres_server
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

PARTITIONS = 64
DEADLINE_SECONDS = 300.0
LOOK_SECONDS = 0.02


async def measure(options: Options) -> Report:
    """Import so many devices, half of them chargers, each paired with a widget; in seconds."""
    devices = options.connections or (200 if options.quick else 50_000)
    server_options = ServerOptions.of_tests()
    answered: list[float] = []
    complete: list[float] = []
    report = Report()
    with closing(open_postgres_server(server_options)) as postgres:
        for number in range(1 if options.quick else options.rounds):
            database = f"benchmark_{number}"
            create_database(postgres.dsn, database)
            with closing(open_redis_server(server_options)) as redis:
                took = await _round(redis.url, dsn_of(postgres.dsn, database), devices // 2)
            drop_database(postgres.dsn, database)
            answered.append(took[0])
            complete.append(took[1])
        report.note("imports postgres", postgres.description)
    report.note("imports devices", f"{devices:,}")
    report.add("imports answered", answered, "s")
    report.add("imports complete in redis", complete, "s")
    report.add("imports devices/s", [devices / seconds for seconds in answered], "1/s")
    return report


async def _round(redis_url: str, postgres_dsn: str, pairs: int) -> tuple[float, float]:
    """Start a registry, import, and return when the answer came and when Redis had all."""
    settings = {
        "CHARGELIGHT_REDIS_URL": redis_url,
        "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
        "CHARGELIGHT_PARTITIONS": str(PARTITIONS),
        "CHARGELIGHT_LOG_LEVEL": "warning",
    }
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(settings, Path(folder), lambda _process: None)
        hub.start_registry()
        try:
            await hub.ready()
            async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
                file = _file(pairs)
                began = time.perf_counter()
                complete = tasks.create_task(_complete(redis_url, 2 * pairs), name="complete")
                answered = tasks.create_task(_import(hub.registry_url, file, pairs), name="import")
        finally:
            await hub.close()
    return answered.result() - began, complete.result() - began


def _file(pairs: int) -> str:
    rows = (
        f"charger,c{number:05},Charger {number},hall {number % 40},w{number:05}\n"
        f"widget,w{number:05},Widget {number},,\n"
        for number in range(pairs)
    )
    return "kind,id,label,location,widget\n" + "".join(rows)


async def _import(registry_url: str, file: str, pairs: int) -> float:
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
        answer = await client.post(
            f"{registry_url}/import",
            content=file,
            headers={"content-type": "text/csv"},
        )
    came = time.perf_counter()
    answer.raise_for_status()
    did = answer.json()
    if (did["created"], did["paired"], did["projected"]) != (2 * pairs, pairs, True):
        raise RuntimeError(f"the import did something else: {did}")
    return came


async def _complete(redis_url: str, devices: int) -> float:
    """Return when Redis had the entries of so many devices."""
    names = Names(PARTITIONS)
    async with Redis.from_url(redis_url) as client, client.pipeline(transaction=False) as pipeline:
        while True:
            for tag in (*names.chargers, *names.widgets):
                pipeline.hlen(tag.directory)
            if sum(await pipeline.execute()) == devices:
                return time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
