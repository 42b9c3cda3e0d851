"""Connects many, watches them at rest and while their chargers report, and looks at all parts."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.crowd import Group, at_rate, connect_all, crowd
from tests.benchmarks.figures import Report
from tests.benchmarks.memory import resident_bytes
from tests.benchmarks.options import Options
from tests.benchmarks.stage import Stage, stage
from tests.fixtures.processes import ServiceProcess
from tools.capacity.tables import CHECKED

_REPORTED_SECONDS: Final = 10.0
"""Between two readings of a charger."""
_SETTLE_SECONDS: Final = 13.0
_WATCH_SECONDS: Final = 12.0
_MB: Final = 1e6
ROUTER: Final = "router"
REDIS: Final = "redis"


async def measure(options: Options) -> Report:
    """Measure at each number of devices, once: what it is held against is no closer."""
    settle, watch = (0.5, 1.0) if options.quick else (_SETTLE_SECONDS, _WATCH_SECONDS)
    numbers = options.numbers(CHECKED)
    report = Report()
    async with stage() as prepared:
        await prepared.register_pairs(max(numbers) // 2)
        router = prepared.hub.start_router()
        await router.process.ready()
        for number in numbers:
            async with crowd(prepared, number // 2) as groups:
                gateways = {group.gateway.process.name: group.gateway.process for group in groups}
                processes = {**gateways, ROUTER: router.process}
                await connect_all(groups)
                await _watch(prepared, processes, groups, settle, 0.0)
                rested = await _watch(prepared, processes, groups, watch, 0.0)
                rate = number / 2 / _REPORTED_SECONDS
                loaded = await _watch(prepared, processes, groups, watch, rate)
                title = f"capacity {number:,}:"
                memory = sum(resident_bytes(process.pid) for process in gateways.values())
                report.note(f"{title} gateways", str(len(groups)))
                report.add(f"{title} memory of all gateways", [memory / _MB], "MB")
                for name, used in (("no readings", rested), ("a reading every 10 s", loaded)):
                    of_gateways = sum(used[name] for name in gateways)
                    for part, share in (
                        ("all gateways", of_gateways),
                        ("the router", used[ROUTER]),
                        ("Redis", used[REDIS]),
                    ):
                        report.add(f"{title} CPU of {part}, {name}", [100 * share], "% of a core")
        report.note("capacity redis", prepared.redis_description)
    return report


async def _watch(
    prepared: Stage,
    processes: Mapping[str, ServiceProcess],
    groups: Sequence[Group],
    seconds: float,
    rate: float,
) -> dict[str, float]:
    """Return how many cores each process used over some seconds, at so many readings per second."""
    began, before = time.perf_counter(), await prepared.cpu(processes)
    await at_rate(groups, rate, seconds)
    after, took = await prepared.cpu(processes), time.perf_counter() - began
    return {name: (after[name] - before[name]) / took for name in after}
