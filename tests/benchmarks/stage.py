"""What benchmarks stand on: Redis, Postgres, a hub with a fleet registered, all gone afterwards."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import httpx
from redis.asyncio import Redis

from tests.benchmarks.processor import cpu_seconds, redis_cpu_seconds
from tests.fixtures.hub import Hub
from tests.fixtures.processes import ROOT, ServiceProcess
from tests.fixtures.redis_at import CLUSTER_SETTING, urls_of_each
from tools.servers.postgres.open import open_postgres_server
from tools.servers.redis.open import open_redis_cluster, open_redis_server
from tools.servers.server_options import ServerOptions

_PAIRS_PER_IMPORT: Final = 10_000
SETTINGS: Final[Mapping[str, str]] = {"CHARGELIGHT_LOG_LEVEL": "warning"}


@dataclass(frozen=True, slots=True)
class Stage:
    """What is there for a benchmark.

    Attributes:
        hub: Its registry runs; gateways and routers are the benchmark's to start.
        redis: A client of the hub's Redis, for looking only; of a cluster, of its first node.
        nodes: A client of each node; of one Redis, the same alone.
        redis_url: Where that is.
        redis_description: Which Redis it is.
        http: For looking at health ports.
        folder: For logs.
        others: Processes that are no part of the hub; they are killed at the end.
    """

    hub: Hub
    redis: Redis
    nodes: tuple[Redis, ...]
    redis_url: str
    redis_description: str
    http: httpx.AsyncClient
    folder: Path
    others: list[ServiceProcess]

    async def register_pairs(self, count: int, first: int = 0) -> None:
        """Register chargers and widgets of these numbers, each pair paired."""
        for start in range(first, first + count, _PAIRS_PER_IMPORT):
            numbers = range(start, min(start + _PAIRS_PER_IMPORT, first + count))
            await self.hub.register_many((f"c{n:05}", f"w{n:05}") for n in numbers)

    async def cpu(self, processes: Mapping[str, ServiceProcess]) -> dict[str, float]:
        """Return the CPU seconds used so far, by name; Redis' under ``redis``."""
        used = {name: cpu_seconds(process.pid) for name, process in processes.items()}
        return {**used, "redis": sum(await self.redis_cpu())}

    async def redis_cpu(self) -> list[float]:
        """Return the CPU seconds that each node of Redis has used so far."""
        return [await redis_cpu_seconds(node) for node in self.nodes]

    @asynccontextmanager
    async def other_redis(self) -> AsyncIterator[Self]:
        """Give the same stage with a Redis that the hub knows nothing of."""
        options = ServerOptions.of_tests()
        with closing(open_redis_server(options)) as redis:
            async with Redis.from_url(redis.url) as client:
                yield replace(self, redis=client, nodes=(client,), redis_url=redis.url)


@asynccontextmanager
async def stage(
    *, cluster: bool = False, settings: Mapping[str, str] | None = None, code: Path = ROOT
) -> AsyncIterator[Stage]:
    """Set a stage up: Redis (or a cluster of three nodes), Postgres and a registry.

    All processes of the hub get the settings, and are started from the folder with the code.

    The servers are always our own, also if addresses of others are given: a fleet of a benchmark
    has no business in anybody's data.

    Raises:
        NoServerError: There is no way to one on this machine; the message says what to do.
    """
    options = ServerOptions.of_tests()
    started: list[ServiceProcess] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        opened = open_redis_cluster(options) if cluster else open_redis_server(options)
        redis = stack.enter_context(closing(opened))
        postgres = stack.enter_context(closing(open_postgres_server(options)))
        stack.callback(_kill, started)
        nodes = [
            await stack.enter_async_context(Redis.from_url(url)) for url in urls_of_each(redis.url)
        ]
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        addresses = {
            "CHARGELIGHT_REDIS_URL": redis.url,
            CLUSTER_SETTING: str(cluster).lower(),
            "CHARGELIGHT_POSTGRES_DSN": postgres.dsn,
        }
        hub = Hub({**SETTINGS, **(settings or {}), **addresses}, folder, started.append, code)
        stack.push_async_callback(hub.hang_up)
        hub.start_registry()
        await hub.ready()
        yield Stage(
            hub, nodes[0], tuple(nodes), redis.url, redis.description, http, folder, started
        )
        await hub.close()


def _kill(processes: list[ServiceProcess]) -> None:
    for process in processes:
        process.kill()
