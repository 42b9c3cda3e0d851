"""The rounds of the benchmark of versions, and its figures."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.in_turns import Sizes, add_ratio
from tests.benchmarks.options import Options
from tests.benchmarks.relay.variant import Run, started_hub
from tests.benchmarks.stage import stage
from tests.fixtures.processes import ROOT
from tests.upgrade.released import Release, last_release, unpack

BEFORE: Final = "before"
NOW: Final = "now"


async def measure(options: Options) -> Report:
    report = Report()
    sizes = Sizes.of(options)
    async with AsyncExitStack() as stack:
        variants = []
        for name, code in _codes(options.against, stack).items():
            prepared = await stack.enter_async_context(stage(code=code))
            await prepared.register_pairs(sizes.pairs)
            variants.append(await started_hub(name, prepared, stack, sizes.pairs))
        for rate in sizes.rates:
            runs: dict[str, list[Run]] = {variant.name: [] for variant in variants}
            for variant in sizes.turns(variants):
                runs[variant.name].append(await sizes.run(variant, rate))
            _add(report, f"versions at {rate:,.0f}/s:", runs)
        if not options.quick:
            await sizes.search(variants, report, "versions highest rate")
    if not options.against:
        report.note("versions before", f"{last_release().version}, the last release")
    return report


def _codes(commits: Sequence[str], stack: AsyncExitStack) -> Mapping[str, Path]:
    """Return a folder with the services of each version, in the order of time, this one last."""
    releases = {commit: Release(commit, commit) for commit in commits} or {BEFORE: last_release()}
    before = {name: stack.enter_context(_unpacked(each)) for name, each in releases.items()}
    return {**before, NOW: ROOT}


@contextmanager
def _unpacked(release: Release) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="version-") as folder:
        unpack(release, Path(folder))
        yield Path(folder)


def _add(report: Report, title: str, runs: dict[str, list[Run]]) -> None:
    for process in runs[NOW][0].cpu:
        each = {name: [run.cpu[process] * 1e6 for run in of] for name, of in runs.items()}
        add_ratio(report, f"{title} CPU of {process} per reading", each, "µs")
    each = {name: [sum(run.cpu.values()) * 1e6 for run in of] for name, of in runs.items()}
    add_ratio(report, f"{title} CPU of all per reading", each, "µs")
    for quantile in ("p50", "p99"):
        each = {name: [run.latency_ms(quantile) for run in of] for name, of in runs.items()}
        add_ratio(report, f"{title} {quantile}", each, "ms")
