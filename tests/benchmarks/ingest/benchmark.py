"""The rounds of the ingest benchmark, and its figures."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import Generator, add_generator, running_generator
from tests.benchmarks.ingest.contestants import ALL, GATEWAY, NOTHING, Contestant, start
from tests.benchmarks.ingest.measuring import Load, highest, put_under
from tests.benchmarks.options import Options
from tests.benchmarks.processor import generators_core
from tests.benchmarks.stage import Stage, stage

_FIRST_RATE: Final = 10_000.0
"""Where the search for the highest rate begins, in readings per second."""
_QUICK_RATE: Final = 4_000.0
_COMMON_SHARE: Final = 0.8
"""Of the least of all highest rates: what each of them bears without effort."""


@dataclass(frozen=True, slots=True)
class Sizes:
    connections: int
    rounds: int
    seconds: float
    search_seconds: float

    @classmethod
    def of(cls, options: Options) -> "Sizes":
        if options.quick:
            return cls(options.connections or 100, 1, 0.3, 0.0)
        return cls(options.connections or 5_000, options.rounds, 3.0, 1.5)


async def measure(options: Options) -> Report:
    sizes = Sizes.of(options)
    report = Report()
    async with stage() as prepared, running_generator(generators_core()) as generator:
        await prepared.register_pairs(sizes.connections)
        contestants = [await start(prepared, name) for name in ALL]
        best = await _search(prepared, generator, contestants, sizes, report)
        common = _COMMON_SHARE * min(best.values())
        loads = defaultdict[tuple[str, str], list[Load]](list)
        for _ in range(sizes.rounds):
            for contestant in contestants:
                await generator.connect("charger", contestant.port, sizes.connections)
                await put_under(prepared, generator, contestant, common, sizes.seconds / 5)
                for which, rate in (("common", common), ("highest", best[contestant.name])):
                    load = await put_under(prepared, generator, contestant, rate, sizes.seconds)
                    loads[contestant.name, which].append(load)
                await generator.close()
        report.note("ingest redis", prepared.redis_description)
    report.note("ingest connections", f"{sizes.connections:,}")
    report.note("ingest common rate", f"{common:,.0f} readings/s")
    for name in ALL:
        for which in ("common", "highest"):
            _add(report, f"ingest {name}, {which} rate:", loads[name, which])
    for which in ("common", "highest"):
        for name in ALL[1:]:
            report.ratio(
                f"ingest {name} / {NOTHING}, {which} rate",
                f"ingest {name}, {which} rate: readings/CPU-s",
                f"ingest {NOTHING}, {which} rate: readings/CPU-s",
            )
    return report


async def _search(
    prepared: Stage,
    generator: Generator,
    contestants: list[Contestant],
    sizes: Sizes,
    report: Report,
) -> dict[str, float]:
    """Return the highest rate that each bears; in a short run, a low one."""
    best = {contestant.name: _QUICK_RATE for contestant in contestants}
    if not sizes.search_seconds:
        return best
    for contestant in contestants:
        await generator.connect("charger", contestant.port, sizes.connections)
        best[contestant.name], limit = await highest(
            prepared, generator, contestant, _FIRST_RATE, sizes.search_seconds
        )
        await generator.close()
        report.note(f"ingest {contestant.name}, limited by", limit)
    return best


def _add(report: Report, title: str, loads: list[Load]) -> None:
    report.add(f"{title} readings/CPU-s", [load.per_cpu_second for load in loads], "1/s")
    report.add(f"{title} readings/s", [load.per_second for load in loads], "1/s")
    report.add(f"{title} server's cores", [load.cpu / load.seconds for load in loads])
    report.add(f"{title} rounds borne", [float(load.is_borne) for load in loads])
    if GATEWAY in title:
        report.add(f"{title} stored / received", [load.stored / load.received for load in loads])
        redis = [load.redis_cpu / load.received * 1e6 for load in loads]
        report.add(f"{title} redis CPU per reading", redis, "µs")
    add_generator(report, title, [load.generator for load in loads])
