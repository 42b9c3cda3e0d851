"""Connects many, waits, and looks at the gateways."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.crowd import Group, connect_all, crowd
from tests.benchmarks.figures import Report
from tests.benchmarks.memory import proportional_bytes, resident_bytes
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.stage import stage

_NUMBERS: Final = (10_000, 50_000)
_SETTLE_SECONDS: Final = 14.0
"""More than one ping interval: every connection has been pinged."""
_WATCH_SECONDS: Final = 36.0
"""Three ping intervals, so that each connection is pinged three times."""
_KIB: Final = 1024


async def measure(options: Options) -> Report:
    """Measure at each number of connections. One round: each has processes of its own anyway."""
    settle, watch = (0.5, 1.0) if options.quick else (_SETTLE_SECONDS, _WATCH_SECONDS)
    numbers = options.numbers(_NUMBERS)
    report = Report()
    async with stage() as prepared:
        await prepared.register_pairs(max(numbers) // 2)
        for number in numbers:
            async with crowd(prepared, number // 2) as groups:
                await _look_at(groups, settle, watch, f"idle {number:,}", report)
        report.note("idle redis", prepared.redis_description)
    return report


async def _look_at(
    groups: Sequence[Group], settle: float, watch: float, title: str, report: Report
) -> None:
    pids = [group.gateway.process.pid for group in groups]
    empty = [(proportional_bytes(pid), resident_bytes(pid)) for pid in pids]
    empty_share = await _share(pids, watch / 5)
    came = await connect_all(groups)
    await asyncio.gather(*(group.generator.do("rest", seconds=settle) for group in groups))
    resting = asyncio.gather(*(group.generator.do("rest", seconds=watch) for group in groups))
    share = await _share(pids, watch - 0.2)
    rested = await resting
    lost = sum(sum(result["lost"].values()) for result in rested)
    if lost:
        raise RuntimeError(f"{lost} connections were lost while idle: {rested}")
    for kind in ("charger", "widget"):
        own = [at for at, group in enumerate(groups) if group.kind == kind]
        count = sum(groups[at].count for at in own)
        grown = [
            sum(look(pids[at]) - empty[at][which] for at in own) / count / _KIB
            for which, look in enumerate((proportional_bytes, resident_bytes))
        ]
        report.add(f"{title}: memory per {kind} (PSS)", grown[:1], "KiB")
        report.add(f"{title}: memory per {kind} (RSS)", grown[1:], "KiB")
    report.add(f"{title}: CPU of all gateways", [100 * share], "% of a core")
    report.add(f"{title}: CPU of as many empty ones", [100 * empty_share], "% of a core")
    report.add(f"{title}: pings answered/s", [sum(r["pings"] for r in rested) / watch], "1/s")
    report.add(f"{title}: time to connect all", [max(one["seconds"] for one in came)], "s")
    report.note(f"{title}: gateways", str(len(groups)))


async def _share(pids: Sequence[int], seconds: float) -> float:
    """Return how many cores processes use, together, over some seconds."""
    began, before = time.perf_counter(), sum(map(cpu_seconds, pids))
    await asyncio.sleep(seconds)
    return (sum(map(cpu_seconds, pids)) - before) / (time.perf_counter() - began)
