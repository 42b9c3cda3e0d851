"""The hub's histogram of lights says what a fleet sees, also while Redis or a router hangs.

All chargers are at one gateway and all widgets at another, so every reading crosses. Each charger
reports once while it is measured, and every reading changes its light: none is conflated.
"""

import asyncio
import math
import random
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import sub
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.fleet import fleet as simulated
from services.simulator.fleet.figures import Figures
from services.simulator.fleet.pairs import numbered_pairs
from services.simulator.judging.thresholds import DEFAULT, parse_thresholds
from shared.process.metrics.bounds import LIGHT
from tests.faults import stepping_clock
from tests.faults.stepping_clock import SteppingClock
from tests.fixtures.hub import HOST, Hub, StartHub
from tools.servers.redis.server import RedisServer

PAIRS: Final = 150
FROZEN_SECONDS: Final = 5.0
FROZEN_MS: Final = 1000 * FROZEN_SECONDS
BESIDE_SECONDS: Final = 0.5
"""For so long chargers report before something stands still, and after it."""
LIT_SECONDS: Final = 30.0
ROUNDS_BEFORE: Final = 3
"""A fleet takes the first statuses of a widget for what was there before."""

FINEST: Final = LIGHT.index(0.025)
"""Buckets up to here count as one: Redis' clock is known to half a round trip, on a busy machine
some milliseconds."""

BECAUSE = stepping_clock.unavailable_because()

Act = Callable[[], None]


@dataclass(slots=True)
class Booth:
    """A hub, a fleet at it, and how its parts are frozen."""

    hub: Hub
    fleet: simulated.Fleet
    redis: RedisServer
    level: float = 0.0

    def freezing(self, what: str) -> tuple[Act, Act]:
        """Return what begins and ends a freeze."""
        router = self.hub.routers[0].process
        return {
            "nothing": (lambda: None, lambda: None),
            "Redis": (self.redis.freeze, self.redis.thaw),
            "router": (router.freeze, router.thaw),
        }[what]

    async def change_all(self, seconds: float = 0.0) -> None:
        """Have all chargers report, spread over a time, and wait until all lights are right."""
        self.level = 100.0 - self.level
        for pair in self.fleet.pairs:
            await pair.charger.report(self.level)
            await asyncio.sleep(seconds / PAIRS)
        async with asyncio.timeout(LIT_SECONDS):
            await self.fleet.wait_until_settled()

    async def counts(self) -> list[float]:
        """Return what each bucket has, summed over the gateways."""
        cumulative = dict.fromkeys((*LIGHT, math.inf), 0.0)
        for gateway in self.hub.gateways:
            response = await self.hub.client.get(f"http://{HOST}:{gateway.health_port}/metrics")
            for family in text_string_to_metric_families(response.raise_for_status().text):
                for sample in family.samples:
                    if sample.name == "chargelight_reading_to_status_seconds_bucket":
                        cumulative[float(sample.labels["le"])] += sample.value
        return list(cumulative.values())

    async def measure(self, what: str) -> tuple[list[float], Figures]:
        """Freeze something while all report; return the hub's buckets and the fleet's figures."""
        begin, end = self.freezing(what)
        before = await self.counts()
        self.fleet.take_figures()
        loop = asyncio.get_running_loop()
        loop.call_later(BESIDE_SECONDS, begin)
        loop.call_later(BESIDE_SECONDS + FROZEN_SECONDS, end)
        await self.change_all(2 * BESIDE_SECONDS + FROZEN_SECONDS)
        found = list(map(sub, await self.counts(), before))
        return found, self.fleet.take_figures()


def disagreements(cumulative: list[float], figures: Figures) -> Iterator[str]:
    """Yield the quantiles that are not in the same bucket or in neighbouring ones."""
    for share, seen_ms in ((0.50, figures.latency_p50_ms), (0.99, figures.latency_p99_ms)):
        assert seen_ms is not None
        measured = max(FINEST, bisect_left(cumulative, share * cumulative[-1]))
        seen = max(FINEST, bisect_left(LIGHT, seen_ms / 1000))
        if abs(measured - seen) > 1:
            yield f"{share:.0%}: {seen_ms:.0f} ms seen, of {cumulative} in buckets {LIGHT}"


@asynccontextmanager
async def opened(
    start: StartHub, redis: RedisServer, folder: Path, clocks: tuple[float, float] | None
) -> AsyncIterator[Booth]:
    """Start a hub, its gateways' clocks ahead by so many seconds, and light all its widgets."""
    hub = await start(gateways=0)
    for number in range(2):
        environment = {}
        if clocks is not None:
            clock = SteppingClock(folder / f"clock-{number}")
            clock.offset, environment = clocks[number], clock.environment
        hub.start_gateway(environment)
    await hub.ready()
    pairs = numbered_pairs("lit", PAIRS)
    await hub.register_many((pair.charger, pair.widget) for pair in pairs)
    of_chargers, of_widgets = hub.gateways
    fleet = simulated.Fleet(
        [simulated.Plan(pair, Phone(0.0, 0.0, 0, empty_phone), LIT_SECONDS) for pair in pairs],
        simulated.Hub(
            f"ws://{HOST}:{of_chargers.charger_port}",
            f"ws://{HOST}:{of_widgets.widget_port}",
            parse_thresholds(DEFAULT),
            LIT_SECONDS,
        ),
        connecting_rate=1000,
        rng=random.Random(1),
    )
    fleet.stop_readings()  # the test says when they report
    booth = Booth(hub, fleet, redis)
    async with fleet.running():
        for _ in range(ROUNDS_BEFORE):
            await booth.change_all()
        yield booth


@pytest.fixture
def redis_url(private_redis: RedisServer) -> str:
    return private_redis.url


@pytest.mark.parametrize(
    "clocks",
    [
        None,
        pytest.param(
            (-1.0, 1.0), marks=pytest.mark.skipif(BECAUSE is not None, reason=BECAUSE or "")
        ),
    ],
    ids=["clocks agree", "clocks 2 s apart"],
)
async def test_the_histogram_agrees_with_the_fleet(
    hub: StartHub,
    private_redis: RedisServer,
    tmp_path: Path,
    clocks: tuple[float, float] | None,
) -> None:
    async with opened(hub, private_redis, tmp_path, clocks) as booth:
        for what in ("nothing", "Redis", "router"):
            cumulative, figures = await booth.measure(what)
            # Each light counts once, also one whose message was lost and that was read instead.
            assert cumulative[-1] == figures.latency_samples == PAIRS, what
            assert list(disagreements(cumulative, figures)) == [], what
            assert figures.latency_p50_ms is not None
            if what != "nothing":
                assert figures.latency_p50_ms > FROZEN_MS / 5, f"{what} was not frozen"
