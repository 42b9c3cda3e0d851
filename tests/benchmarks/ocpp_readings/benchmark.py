"""The rounds of the benchmark, and its figures."""

from collections import defaultdict
from dataclasses import replace
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import Generator, add_generator, running_generator
from tests.benchmarks.ingest.contestants import GATEWAY, Contestant, start
from tests.benchmarks.ingest.measuring import Load, highest, put_under
from tests.benchmarks.options import Options
from tests.benchmarks.processor import generators_core
from tests.benchmarks.stage import stage

_FIRST_RATE: Final = 10_000.0
_QUICK_RATE: Final = 1_000.0
_COMMON_SHARE: Final = 0.8
_SETTLE_SECONDS: Final = 2.0
"""After so long each charger has its epoch: until then several readings count as one."""


async def measure(options: Options) -> Report:
    connections = options.connections or (100 if options.quick else 5_000)
    rounds, seconds = (1, 0.3) if options.quick else (options.rounds, 3.0)
    report = Report()
    async with stage() as prepared, running_generator(generators_core()) as generator:
        await prepared.register_pairs(connections)
        gateway = await start(prepared, GATEWAY)
        both = {"own": gateway, "ocpp1.6": replace(gateway, ocpp=True)}
        best = dict.fromkeys(both, _QUICK_RATE)
        for name, contestant in () if options.quick else both.items():
            await _connect(generator, contestant, connections)
            best[name], limit = await highest(prepared, generator, contestant, _FIRST_RATE, 1.5)
            await generator.close()
            report.note(f"ocpp_readings {name}, limited by", limit)
        common = _COMMON_SHARE * min(best.values())
        loads = defaultdict[tuple[str, str], list[Load]](list)
        for _ in range(rounds):
            for name, contestant in both.items():
                await _connect(generator, contestant, connections)
                await put_under(prepared, generator, contestant, common, seconds / 5)
                for which, rate in (("common", common), ("highest", best[name])):
                    load = await put_under(prepared, generator, contestant, rate, seconds)
                    loads[name, which].append(load)
                await generator.close()
        report.note("ocpp_readings redis", prepared.redis_description)
    report.note("ocpp_readings connections", f"{connections:,}")
    report.note("ocpp_readings common rate", f"{common:,.0f} readings/s")
    for (name, which), found in loads.items():
        _add(report, f"ocpp_readings {name}, {which} rate:", found)
    for which in ("common", "highest"):
        own, theirs = (f"ocpp_readings {n}, {which} rate: readings/CPU-s" for n in both)
        report.ratio(f"ocpp_readings ocpp1.6 / own, {which} rate", theirs, own)
    return report


async def _connect(generator: Generator, contestant: Contestant, connections: int) -> None:
    offered = contestant.subprotocol
    await generator.connect("charger", contestant.port, connections, subprotocol=offered)
    await generator.do("rest", seconds=_SETTLE_SECONDS)


def _add(report: Report, title: str, loads: list[Load]) -> None:
    report.add(f"{title} readings/CPU-s", [load.per_cpu_second for load in loads], "1/s")
    report.add(f"{title} readings/s", [load.per_second for load in loads], "1/s")
    report.add(f"{title} server's cores", [load.cpu / load.seconds for load in loads])
    report.add(f"{title} rounds borne", [float(load.is_borne) for load in loads])
    redis = [load.redis_cpu / load.received * 1e6 for load in loads]
    report.add(f"{title} redis CPU per reading", redis, "µs")
    add_generator(report, title, [load.generator for load in loads])
