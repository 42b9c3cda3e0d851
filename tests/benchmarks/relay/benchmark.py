"""The rounds of the relay benchmark, and its figures."""

import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import add_generator, running_generator
from tests.benchmarks.options import Options
from tests.benchmarks.processor import generators_core
from tests.benchmarks.relay.variant import Run, Variant, started_hub
from tests.benchmarks.stage import Stage, stage
from tests.benchmarks.straightforward.running import start_straightforward
from tests.fixtures.processes import ROOT

_SHARES: Final = {"a tenth": 0.1, "half": 0.5, "nine tenths": 0.9}
HUB: Final = "hub"
STRAIGHTFORWARD: Final = "straightforward"
_FIRST_RATES: Final = {HUB: 2_000.0, STRAIGHTFORWARD: 400.0}
"""Where the search begins, in readings per second; it may go down as well."""
_QUICK_RATE: Final = 100.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a run is; times in seconds, rates in readings per second."""

    pairs: int
    rounds: int
    seconds: float
    warm_up: float
    raw_messages: int
    is_quick: bool

    @classmethod
    def of(cls, options: Options) -> "Sizes":
        if options.quick:
            return cls(options.connections or 20, 1, 0.4, 0.1, 100, is_quick=True)
        return cls(options.connections or 4_000, options.rounds, 5.0, 1.0, 2_000, is_quick=False)


async def measure(options: Options) -> Report:
    sizes = Sizes.of(options)
    report = Report()
    async with AsyncExitStack() as stack:
        prepared = await stack.enter_async_context(stage())
        await prepared.register_pairs(sizes.pairs)
        hub = await started_hub(HUB, prepared, stack, sizes.pairs)
        async with AsyncExitStack() as others:
            straightforward = await _straightforward(prepared, others, sizes.pairs)
            await _search([hub, straightforward], sizes, report)
        # Alone: the other one pings all its connections at once, every 20 s.
        await _latencies(hub, sizes, report)
        report.note("relay redis", prepared.redis_description)
    report.note("relay pairs", f"{sizes.pairs:,}")
    return report


async def _straightforward(prepared: Stage, stack: AsyncExitStack, pairs: int) -> Variant:
    # What the hub does when it idles must not count as this variant's.
    own = await stack.enter_async_context(prepared.other_redis())
    processes, charger_port, widget_port = await start_straightforward(own, pairs)
    for process in processes.values():
        stack.callback(process.kill)
    generator = await stack.enter_async_context(running_generator(generators_core()))
    ports = (charger_port, widget_port)
    variant = Variant(STRAIGHTFORWARD, own, generator, processes, *ports, pairs)
    await variant.connect()
    return variant


async def _search(variants: list[Variant], sizes: Sizes, report: Report) -> None:
    """Add the highest rates, or in a short run some rate that is borne."""
    rates: dict[str, list[float]] = {variant.name: [] for variant in variants}
    best: dict[str, list[Run]] = {variant.name: [] for variant in variants}
    for _ in range(sizes.rounds):
        for variant in variants:
            if sizes.is_quick:
                run = await variant.run(_QUICK_RATE, sizes.seconds, sizes.warm_up)
            else:
                earlier = rates[variant.name]
                first = earlier[-1] / 2 if earlier else _FIRST_RATES[variant.name]
                _, run = await variant.highest_rate(first, sizes.seconds, sizes.warm_up)
            rates[variant.name].append(run.rate)
            best[variant.name].append(run)
    for variant in variants:
        title = f"relay {variant.name}"
        report.add(f"{title}, highest rate", rates[variant.name], "1/s")
        _add(report, f"{title}, highest rate:", best[variant.name])
    report.ratio(
        f"relay {HUB} / {STRAIGHTFORWARD}, highest rate",
        f"relay {HUB}, highest rate",
        f"relay {STRAIGHTFORWARD}, highest rate",
    )
    for variant in variants:
        full = [1 / max(run.cpu.values()) for run in best[variant.name]]
        report.add(f"relay {variant.name}, rate that fills its busiest core", full, "1/s")
    report.ratio(
        f"relay {HUB} / {STRAIGHTFORWARD}, rate that fills its busiest core",
        f"relay {HUB}, rate that fills its busiest core",
        f"relay {STRAIGHTFORWARD}, rate that fills its busiest core",
    )
    report.ratio(
        f"relay {STRAIGHTFORWARD} / {HUB}, CPU per reading",
        f"relay {STRAIGHTFORWARD}, highest rate: CPU of all",
        f"relay {HUB}, highest rate: CPU of all",
    )


async def _latencies(hub: Variant, sizes: Sizes, report: Report) -> None:
    """Add the latencies at shares of the highest rate, and a raw publish beside them."""
    highest = report.figures[f"relay {HUB}, highest rate"].median
    raw: dict[str, list[float]] = {"p50": [], "p99": []}
    runs: dict[str, list[Run]] = {name: [] for name in _SHARES}
    for _ in range(sizes.rounds):
        times = await _raw(hub.stage.redis_url, sizes.raw_messages, min(_SHARES.values()) * highest)
        raw["p50"].append(statistics.median(times) * 1000)
        raw["p99"].append(sorted(times)[round(0.99 * (len(times) - 1))] * 1000)
        for name, share in _SHARES.items():
            # Where readings are far apart, half a millisecond is as long as their way.
            gather = share > min(_SHARES.values())
            run = await hub.run(share * highest, sizes.seconds, sizes.warm_up, gather=gather)
            runs[name].append(run)
    report.add("relay raw redis publish to subscriber p50", raw["p50"], "ms")
    report.add("relay raw redis publish to subscriber p99", raw["p99"], "ms")
    for name, at in runs.items():
        report.add(f"relay {HUB}, at {name}: rate", [run.rate for run in at], "1/s")
        _add(report, f"relay {HUB}, at {name}:", at)
        report.ratio(
            f"relay {HUB}, at {name}: p50 / raw p50",
            f"relay {HUB}, at {name}: p50",
            "relay raw redis publish to subscriber p50",
        )


def _add(report: Report, title: str, runs: list[Run]) -> None:
    for quantile in ("p50", "p99", "max"):
        report.add(f"{title} {quantile}", [run.latency_ms(quantile) for run in runs], "ms")
    for process in runs[0].cpu:
        report.add(f"{title} CPU of {process}", [run.cpu[process] * 1e6 for run in runs], "µs")
    report.add(f"{title} CPU of all", [sum(run.cpu.values()) * 1e6 for run in runs], "µs")
    for name, key in (("conflated", "conflated"), ("answers in doubt", "in_doubt")):
        report.add(f"{title} {name}", [run.result[key] / run.result["sent"] for run in runs])
    report.add(f"{title} unanswered", [float(run.result["unanswered"]) for run in runs])
    add_generator(report, title, [run.result for run in runs])


async def _raw(url: str, messages: int, rate: float) -> list[float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.benchmarks.relay.raw", url, str(messages), str(rate)),
        stdout=PIPE,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    times: list[float] = json.loads(output)
    return times
