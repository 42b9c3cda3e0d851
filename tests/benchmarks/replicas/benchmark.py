"""The rounds of the benchmark of replicas, and its figures."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from typing import Final

import redis
from websockets.asyncio.client import connect

from tests.benchmarks.figures import Report
from tests.benchmarks.in_turns import Sizes, add_ratio
from tests.benchmarks.options import Options
from tests.benchmarks.relay.variant import Run, Variant, started_hub
from tests.benchmarks.stage import stage
from tests.fixtures.redis_at import address_of
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

WITHOUT: Final = "waits for none"
WITH: Final = "waits for 1"
_ASKING: Final = 8
"""So many chargers ask for receipts."""
_REST_SECONDS: Final = 0.1
"""After each receipt; without it, those that get theirs sooner would ask more."""
_READING: Final = '{"event":"StateOfCharge","data":{"soc":70}}'


async def measure(options: Options) -> Report:
    report = Report()
    sizes = Sizes.of(options)
    async with AsyncExitStack() as stack:
        variants = []
        for name, replicas in ((WITHOUT, "0"), (WITH, "1")):
            settings = {"CHARGELIGHT_REDIS_WAIT_REPLICAS": replicas}
            prepared = await stack.enter_async_context(stage(settings=settings))
            stack.enter_context(_replica_of(prepared.redis_url))
            await prepared.register_pairs(sizes.pairs + _ASKING)
            variants.append(await started_hub(name, prepared, stack, sizes.pairs))
        for rate in sizes.rates:
            runs: dict[str, list[Run]] = {WITHOUT: [], WITH: []}
            waits: dict[str, list[list[float]]] = {WITHOUT: [], WITH: []}
            for variant in sizes.turns(variants):
                is_over = asyncio.Event()
                asking = asyncio.create_task(_receipts(variant, is_over), name="receipts")
                runs[variant.name].append(await sizes.run(variant, rate))
                is_over.set()
                waits[variant.name].append(await asking)
            _add(report, f"replicas at {rate:,.0f}/s:", runs, waits)
        if not options.quick:
            await sizes.search(variants, report, "replicas highest rate")
    return report


@contextmanager
def _replica_of(url: str) -> Iterator[None]:
    """Start a replica, and wait until it has everything."""
    with closing(open_redis_server(ServerOptions.of_tests())) as replica:
        with redis.Redis.from_url(replica.admin_url) as client:
            client.replicaof(*address_of(url))
            while client.info("replication")["master_link_status"] != "up":
                time.sleep(0.05)
        yield


async def _receipts(variant: Variant, is_over: asyncio.Event) -> list[float]:
    """Have some chargers ask whether each reading is stored, each once at least.

    Returns:
        How long each receipt took, in seconds.
    """
    found: list[float] = []

    async def ask(number: int) -> None:
        url = f"ws://127.0.0.1:{variant.charger_port}/chargers/c{number:05}"
        async with connect(url, compression=None) as charger:
            while True:
                began = time.perf_counter()
                await charger.send(_READING)
                await (await charger.ping())
                found.append(time.perf_counter() - began)
                if is_over.is_set():
                    return
                await asyncio.sleep(_REST_SECONDS)

    await asyncio.gather(*map(ask, range(variant.pairs, variant.pairs + _ASKING)))
    return found


def _add(
    report: Report, title: str, runs: dict[str, list[Run]], waits: dict[str, list[list[float]]]
) -> None:
    for process in ("charger gateway", "redis"):
        each = {name: [run.cpu[process] * 1e6 for run in of] for name, of in runs.items()}
        add_ratio(report, f"{title} CPU of {process} per reading", each, "µs")
    for place, quantile in ((49, "p50"), (98, "p99")):
        each = {
            name: [statistics.quantiles(times, n=100)[place] * 1e3 for times in of]
            for name, of in waits.items()
        }
        add_ratio(report, f"{title} acknowledged {quantile}", each, "ms")
        each = {name: [run.latency_ms(quantile) for run in of] for name, of in runs.items()}
        add_ratio(report, f"{title} lit {quantile}", each, "ms")
