"""The rounds of the benchmark of consoles, and its figures."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from services.registry.feed.watching import LINGER_SECONDS
from tests.benchmarks.consoles.watchers import watching
from tests.benchmarks.figures import Report
from tests.benchmarks.in_turns import Sizes, add_ratio
from tests.benchmarks.options import Options
from tests.benchmarks.relay.variant import Run, Variant, started_hub
from tests.benchmarks.stage import stage

NONE: Final = "no console"
ONE: Final = "1 console"
MANY: Final = "20 consoles"
_COUNTS: Final[Mapping[str, int]] = {NONE: 0, ONE: 1, MANY: 20}
_TIDY_SECONDS: Final = 1.0


async def measure(options: Options) -> Report:
    """Measure at each rate; then look for the highest one, with a console and without."""
    report = Report()
    sizes = Sizes.of(options)
    async with AsyncExitStack() as stack:
        prepared = await stack.enter_async_context(stage())
        await prepared.register_pairs(sizes.pairs)
        hub = await started_hub("hub", prepared, stack, sizes.pairs)
        processes = {**hub.processes, "registry": prepared.hub.registries[0].process}
        variants = [replace(hub, name=name, processes=processes) for name in _COUNTS]
        turns = _Turns(prepared.hub.registry_url, wait=not options.quick)
        await _before(variants[0], sizes, report)
        for rate in sizes.rates:
            runs: dict[str, list[Run]] = {name: [] for name in _COUNTS}
            for variant in sizes.turns(variants):
                async with turns.of(variant):
                    runs[variant.name].append(await sizes.run(variant, rate))
            _add(report, f"consoles at {rate:,.0f}/s:", runs)
        if not options.quick:
            await _search(variants[:2], sizes, turns, report)
    return report


async def _before(hub: Variant, sizes: Sizes, report: Report) -> None:
    """Add what the registry uses before anyone has watched: afterwards it must be the same."""
    for rate in sizes.rates:
        runs = [await sizes.run(turn, rate) for turn in sizes.turns([hub])]
        share = [100 * run.cpu["registry"] * run.rate for run in runs]
        report.add(f"consoles at {rate:,.0f}/s: CPU of the registry, before any", share, "%")


class _Turns:
    """Has as many consoles watch as a variant says.

    Args:
        url: Of the registry.
        wait: Whether to wait until the registry has noticed that nobody watches any more.
    """

    def __init__(self, url: str, *, wait: bool) -> None:
        self._url = url
        self._wait = wait
        self._is_watched = False

    @asynccontextmanager
    async def of(self, variant: Variant) -> AsyncIterator[None]:
        count = _COUNTS[variant.name]
        if self._wait and self._is_watched and not count:
            await asyncio.sleep(LINGER_SECONDS + _TIDY_SECONDS)
        self._is_watched = count > 0
        async with watching(self._url, count):
            yield


async def _search(variants: Sequence[Variant], sizes: Sizes, turns: _Turns, report: Report) -> None:
    """Add the highest rates; each search begins at the half of what was found before."""
    found: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for variant in sizes.turns(variants):
        rates = found[variant.name]
        first = rates[-1] / 2 if rates else sizes.rates[-1]
        async with turns.of(variant):
            rate, _ = await variant.highest_rate(first, sizes.seconds, sizes.warm_up)
        rates.append(rate)
    add_ratio(report, "consoles highest rate", found, "1/s")


def _add(report: Report, title: str, runs: Mapping[str, Sequence[Run]]) -> None:
    share = {
        name: [100 * run.cpu["registry"] * run.rate for run in of] for name, of in runs.items()
    }
    add_ratio(report, f"{title} CPU of the registry", share, "%")
    for process in ("redis", "router"):
        each = {name: [run.cpu[process] * 1e6 for run in of] for name, of in runs.items()}
        add_ratio(report, f"{title} CPU of {process} per reading", each, "µs")
    # What limits the relay where each process has a core of its own.
    each = {
        name: [1e6 * max(used for of_, used in run.cpu.items() if of_ != "registry") for run in of]
        for name, of in runs.items()
    }
    add_ratio(report, f"{title} CPU of the busiest process per reading", each, "µs")
    each = {name: [sum(run.cpu.values()) * 1e6 for run in of] for name, of in runs.items()}
    add_ratio(report, f"{title} CPU of all per reading", each, "µs")
    each = {name: [run.latency_ms("p99") for run in of] for name, of in runs.items()}
    add_ratio(report, f"{title} p99", each, "ms")
