"""Readings of a gateway into a Redis Cluster of three, and into one Redis."""

from contextlib import AsyncExitStack
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import Generator, running_generator
from tests.benchmarks.ingest.contestants import GATEWAY, Contestant, start
from tests.benchmarks.ingest.measuring import highest, put_under
from tests.benchmarks.options import Options
from tests.benchmarks.processor import generators_core
from tests.benchmarks.stage import Stage, stage
from tools.servers.wheels import NoServerError

_CONNECTIONS: Final = 2_000
_FIRST_RATE: Final = 5_000.0
_QUICK_RATE: Final = 1_000.0
_SEARCH_SECONDS: Final = 1.5
ONE: Final = "one Redis"
CLUSTER: Final = "a cluster of three"


async def measure(options: Options) -> Report:
    """Measure both in turns, each at its highest rate; or say why there is no cluster."""
    connections = 50 if options.quick else options.connections or _CONNECTIONS
    report = Report()
    stages: dict[str, Stage] = {}
    contestants: dict[str, Contestant] = {}
    async with AsyncExitStack() as stack:
        generator = await stack.enter_async_context(running_generator(generators_core()))
        for name in (CLUSTER, ONE):  # the one that may not be there first
            try:
                prepared = await stack.enter_async_context(stage(cluster=name == CLUSTER))
            except NoServerError as error:
                report.note(f"scale {name}", f"not measured: {error}")
                return report
            await prepared.register_pairs(connections)
            stages[name], contestants[name] = prepared, await start(prepared, GATEWAY)
            report.note(f"scale {name}", prepared.redis_description)
        found: dict[str, list[tuple[float, float, float]]] = {ONE: [], CLUSTER: []}
        for _ in range(1 if options.quick else options.rounds):
            for name, prepared in stages.items():
                contestant = contestants[name]
                await generator.connect("charger", contestant.port, connections)
                found[name].append(await _load(prepared, generator, contestant, options))
                await generator.close()
    for name, samples in found.items():
        rates, gateways, busiest = zip(*samples, strict=True)
        report.add(f"scale {name}: highest rate of a gateway", rates, "1/s")
        report.add(f"scale {name}: CPU of the gateway per reading", gateways, "µs")
        report.add(f"scale {name}: CPU of the busiest node per reading", busiest, "µs")
    for what in ("highest rate of a gateway", "CPU of the busiest node per reading"):
        report.ratio(
            f"scale cluster / one: {what}", f"scale {CLUSTER}: {what}", f"scale {ONE}: {what}"
        )
    return report


async def _load(
    prepared: Stage, generator: Generator, contestant: Contestant, options: Options
) -> tuple[float, float, float]:
    """Return the highest rate, and what a reading then costs gateway and busiest node, in µs."""
    rate, seconds = _QUICK_RATE, 0.5
    if not options.quick:
        rate, _ = await highest(prepared, generator, contestant, _FIRST_RATE, _SEARCH_SECONDS)
        seconds = 3.0
    before = await prepared.redis_cpu()
    load = await put_under(prepared, generator, contestant, rate, seconds)
    after = await prepared.redis_cpu()
    used = [now - then for now, then in zip(after, before, strict=True)]
    return rate, load.cpu / load.received * 1e6, max(used) / load.received * 1e6
