"""CPU per message with 1, 2 and 4 gateways, and with 1, 2 and 4 routers."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import Generator, running_generator
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cores, generators_core, pin
from tests.benchmarks.stage import Stage, stage
from tests.fixtures.hub import Gateway, Router
from tests.fixtures.processes import ServiceProcess

_RATE: Final = 1_500.0
"""Readings per second of each process of the kind: each has as much to do as one alone has."""
_QUICK_RATE: Final = 250.0
_PAIRS: Final = 400
_COUNTS: Final = (1, 2, 4)
_WARM_UP_SECONDS: Final = 1.0
_REBALANCED_SECONDS: Final = 3.0
"""In this time routers have shared out the partitions again."""
GATEWAYS: Final = "gateways"
ROUTERS: Final = "routers"


@dataclass(slots=True)
class _Cast:
    """The processes of one configuration, and the devices on them."""

    generator: Generator
    gateways: list[Gateway] = field(default_factory=list)
    routers: list[Router] = field(default_factory=list)

    @property
    def processes(self) -> dict[str, ServiceProcess]:
        gateways = {gateway.process.name: gateway.process for gateway in self.gateways}
        return gateways | {router.process.name: router.process for router in self.routers}


async def measure(options: Options) -> Report:
    """Measure each number of each kind, the other kind being one."""
    counts: dict[str, tuple[int, ...]] = {GATEWAYS: _COUNTS, ROUTERS: _COUNTS}
    if options.quick:
        counts = {ROUTERS: (1, 2)}
    rebalanced = 0.5 if options.quick else _REBALANCED_SECONDS
    rate = _QUICK_RATE if options.quick else _RATE
    pairs = 100 if options.quick else _PAIRS
    rounds, seconds = (1, 0.5) if options.quick else (options.rounds, 4.0)
    report = Report()
    per_message: dict[tuple[str, int], list[float]] = {}
    async with stage() as prepared:
        await prepared.register_pairs(pairs)
        for kind, numbers in counts.items():
            for count in numbers:
                async with AsyncExitStack() as stack:
                    gateways, routers = (count, 1) if kind == GATEWAYS else (1, count)
                    cast = await _start(prepared, stack, gateways, routers, pairs)
                    # Routers share out again what the ended ones had.
                    await cast.generator.do("rest", seconds=rebalanced)
                    per_message[kind, count] = [
                        await _load(prepared, cast, kind, count * rate, seconds)
                        for _ in range(rounds)
                    ]
                    await cast.generator.close()
                    for process in cast.processes.values():
                        await process.terminate()
    for kind, numbers in counts.items():
        for count in numbers:
            name = f"scale {count} {kind}: CPU of {kind} per message"
            report.add(name, [used * 1e6 for used in per_message[kind, count]], "µs")
            if count > 1:
                _add_multiple(report, kind, count, per_message)
    pinned = len(cores()) >= max(_COUNTS) + 3
    report.note("scale processes", "pinned, a core each" if pinned else "not pinned: too few cores")
    return report


async def _start(
    prepared: Stage, stack: AsyncExitStack, gateways: int, routers: int, pairs: int
) -> _Cast:
    cast = _Cast(await stack.enter_async_context(running_generator(generators_core())))
    cast.gateways = [prepared.hub.start_gateway() for _ in range(gateways)]
    cast.routers = [prepared.hub.start_router() for _ in range(routers)]
    await prepared.hub.ready()
    own = cores()[1:]
    if len(own) > gateways + routers:
        for process, core in zip(cast.processes.values(), cycle(own), strict=False):
            pin(process.pid, {core})
    share = pairs // gateways
    for kind in ("widget", "charger"):
        for number, gateway in enumerate(cast.gateways):
            port = getattr(gateway, f"{kind}_port")
            await cast.generator.connect(kind, port, share, first=number * share)
    return cast


async def _load(prepared: Stage, cast: _Cast, kind: str, rate: float, seconds: float) -> float:
    """Return the CPU seconds per message of all processes of a kind, without what they idle."""
    growing: Any = cast.gateways if kind == GATEWAYS else cast.routers
    processes = {one.process.name: one.process for one in growing}
    await _relay(cast.generator, rate, min(_WARM_UP_SECONDS, seconds))
    before = await prepared.cpu(processes)
    began = await _relay(cast.generator, rate, seconds)
    loaded = await prepared.cpu(processes)
    await cast.generator.do("rest", seconds=seconds)
    rested = await prepared.cpu(processes)
    used = sum(2 * loaded[name] - before[name] - rested[name] for name in processes)
    if began["unanswered"]:
        raise RuntimeError(f"{began['unanswered']} readings had no answer: {began}")
    return float(used / began["sent"])


async def _relay(generator: Generator, rate: float, seconds: float) -> dict[str, Any]:
    return await generator.do("relay", rate=rate, seconds=seconds, warm_up=0.0, patience=5.0)


def _add_multiple(
    report: Report, kind: str, count: int, per_message: dict[tuple[str, int], list[float]]
) -> None:
    one, many = per_message[kind, 1], per_message[kind, count]
    times = [count * single / each for single, each in zip(one, many, strict=True)]
    report.add(f"scale {count} {kind}: carry, as a multiple of one", times)
