"""Something that relays, with its devices connected; and what one run over it showed."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.generator.control import Generator, running_generator
from tests.benchmarks.processor import generators_core
from tests.benchmarks.search import highest_rate
from tests.benchmarks.stage import Stage
from tests.fixtures.processes import ServiceProcess

P99_LIMIT_MS: Final = 50.0
_PATIENCE_SECONDS: Final = 2.0
_MOST_LAG_MS: Final = 10.0
"""Of the generator: a fifth of the limit."""


@dataclass(frozen=True, slots=True)
class Run:
    """What relaying at a rate for some seconds showed.

    Attributes:
        rate: Readings per second.
        cpu: Seconds per reading, of each process.
        result: What the generator said; see `tests.benchmarks.generator.relaying`.
    """

    rate: float
    cpu: Mapping[str, float]
    result: dict[str, Any]

    def latency_ms(self, quantile: str) -> float:
        return float(self.result["latency_ms"].get(quantile, float("inf")))

    @property
    def is_borne(self) -> bool:
        """Whether nearly every reading had its answer in time, and each had one."""
        result = self.result
        answered = not result["unanswered"] and not result["refused"] and not result["lost"]
        return answered and self.latency_ms("p99") < P99_LIMIT_MS

    @property
    def in_time(self) -> bool:
        return float(self.result["generator_lag_ms"]["p99"]) < _MOST_LAG_MS


@dataclass(frozen=True, slots=True)
class Variant:
    """A hub, whichever, and the generator that has its devices."""

    name: str
    stage: Stage
    generator: Generator
    processes: Mapping[str, ServiceProcess]
    charger_port: int
    widget_port: int
    pairs: int

    async def connect(self) -> None:
        await self.generator.connect("widget", self.widget_port, self.pairs)
        await self.generator.connect("charger", self.charger_port, self.pairs)

    async def run(self, rate: float, seconds: float, warm_up: float, *, gather: bool = True) -> Run:
        """Relay at a rate; without ``gather`` each reading is sent at its own time."""
        before = await self.stage.cpu(self.processes)
        result = await self.generator.do(
            "relay",
            rate=rate,
            seconds=seconds,
            warm_up=warm_up,
            patience=_PATIENCE_SECONDS,
            gather=gather,
        )
        after = await self.stage.cpu(self.processes)
        cpu = {name: (after[name] - before[name]) / result["sent"] for name in after}
        if result["unanswered"]:
            await self._settled()
        if result["lost"]:
            # A hub that is buried may close connections, for want of pongs say.
            await self.generator.close()
            await self.connect()
        return Run(rate, cpu, result)

    async def highest_rate(self, first: float, seconds: float, warm_up: float) -> tuple[float, Run]:
        """Look for the highest rate that it bears, and return it with what it showed there."""

        async def attempt(rate: float) -> Run:
            return await self.run(rate, seconds, warm_up)

        rate, run, _ = await highest_rate(attempt, lambda run: run.is_borne, first)
        return rate, run

    async def _settled(self) -> None:
        """Return once nothing is on its way that the next run would take for its own."""
        quiet = 0
        until = time.monotonic() + 30
        while quiet < 2 and time.monotonic() < until:
            heard = (await self.generator.do("drain", seconds=0.5))["heard"]
            quiet = 0 if heard else quiet + 1


async def started_hub(name: str, prepared: Stage, stack: AsyncExitStack, pairs: int) -> Variant:
    """Start a router, a gateway for chargers and one for widgets, and connect all devices."""
    hub = prepared.hub
    for_chargers, for_widgets, router = hub.start_gateway(), hub.start_gateway(), hub.start_router()
    await hub.ready()
    generator = await stack.enter_async_context(running_generator(generators_core()))
    processes = {
        "charger gateway": for_chargers.process,
        "widget gateway": for_widgets.process,
        "router": router.process,
    }
    ports = (for_chargers.charger_port, for_widgets.widget_port)
    variant = Variant(name, prepared, generator, processes, *ports, pairs)
    await variant.connect()
    return variant
