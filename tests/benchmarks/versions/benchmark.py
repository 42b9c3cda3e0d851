"""The rounds of the benchmark of versions, and its figures."""

import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.relay.variant import Run, Variant, started_hub
from tests.benchmarks.stage import stage
from tests.fixtures.processes import ROOT
from tests.upgrade.released import Release, last_release, unpack

BEFORE: Final = "before"
NOW: Final = "now"
_PAIRS: Final = 400
_RATES: Final = (500.0, 2_000.0)
"""Readings per second at which CPU is measured: one that leaves nearly all of the machine idle,
and one at which readings travel together."""
_TURNS: Final = 4
"""Of each version at each rate in a round: A B B A A B B A, so that none is always the first."""


async def measure(options: Options) -> Report:
    report = Report()
    pairs = 20 if options.quick else options.connections or _PAIRS
    seconds, warm_up = (0.4, 0.1) if options.quick else (5.0, 1.0)
    rounds = 1 if options.quick else options.rounds
    async with AsyncExitStack() as stack:
        other = stack.enter_context(_code(options.against))
        variants = []
        for name, code in ((BEFORE, other), (NOW, ROOT)):
            prepared = await stack.enter_async_context(stage(code=code))
            await prepared.register_pairs(pairs)
            variants.append(await started_hub(name, prepared, stack, pairs))
        for rate in _RATES[:1] if options.quick else _RATES:
            runs: dict[str, list[Run]] = {BEFORE: [], NOW: []}
            for turn in range(rounds * _TURNS):
                for variant in variants if turn % 2 else reversed(variants):
                    runs[variant.name].append(await variant.run(rate, seconds, warm_up))
            _add(report, f"versions at {rate:,.0f}/s:", runs)
        if not options.quick:
            await _search(variants, rounds, seconds, warm_up, report)
    report.note("versions before", options.against or f"{last_release().version}, the last release")
    return report


@contextmanager
def _code(commit: str | None) -> Iterator[Path]:
    """Yield a folder with the services of a commit, or else of the last release."""
    with tempfile.TemporaryDirectory(prefix="version-") as folder:
        unpack(Release(commit, commit) if commit else last_release(), Path(folder))
        yield Path(folder)


async def _search(
    variants: list[Variant], rounds: int, seconds: float, warm_up: float, report: Report
) -> None:
    """Add the highest rates that both bear."""
    found: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for turn in range(rounds):
        for variant in variants if turn % 2 else reversed(variants):
            rates = found[variant.name]
            first = rates[-1] / 2 if rates else _RATES[-1]
            rate, _ = await variant.highest_rate(first, seconds, warm_up)
            rates.append(rate)
    _add_ratio(report, "versions highest rate", found, "1/s")


def _add(report: Report, title: str, runs: dict[str, list[Run]]) -> None:
    for process in runs[NOW][0].cpu:
        each = {name: [run.cpu[process] * 1e6 for run in of] for name, of in runs.items()}
        _add_ratio(report, f"{title} CPU of {process} per reading", each, "µs")
    each = {name: [sum(run.cpu.values()) * 1e6 for run in of] for name, of in runs.items()}
    _add_ratio(report, f"{title} CPU of all per reading", each, "µs")
    for quantile in ("p50", "p99"):
        each = {name: [run.latency_ms(quantile) for run in of] for name, of in runs.items()}
        _add_ratio(report, f"{title} {quantile}", each, "ms")


def _add_ratio(report: Report, title: str, samples: dict[str, list[float]], unit: str) -> None:
    for name, of in samples.items():
        report.add(f"{title}, {name}", of, unit)
    report.ratio(f"{title}, {NOW} / {BEFORE}", f"{title}, {NOW}", f"{title}, {BEFORE}")
