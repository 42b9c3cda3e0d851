"""A small fleet against a hub, one that keeps its promise and some that do not."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.fleet.figures import Figures
from services.simulator.fleet.fleet import Fleet, Hub, Plan
from services.simulator.fleet.pairs import numbered_pairs
from services.simulator.judging.thresholds import DEFAULT, parse_thresholds
from services.simulator.terminal import fleet_view
from shared.contract.device_protocol import ChargingStatus, CloseCode
from tests.unit.simulator.fake_hub import FakeHub, status_text

PAIRS = numbered_pairs("demo", 5)
CLEAR_PENDING = 0.5


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub({pair.charger: pair.widget for pair in PAIRS}) as found:
        yield found


@asynccontextmanager
async def fleet_of(
    hub: FakeHub, level: float = 60.0, step: float = 4.0, rest: int = 3
) -> AsyncIterator[Fleet]:
    plans = [Plan(pair, Phone(level, step, rest, empty_phone), interval=0.02) for pair in PAIRS]
    fleet = Fleet(
        plans,
        Hub(hub.url, hub.url, parse_thresholds(DEFAULT), CLEAR_PENDING),
        connecting_rate=1000,
        rng=random.Random(1),
    )
    running = asyncio.create_task(fleet.run())
    try:
        yield fleet
    finally:
        running.cancel()
        await asyncio.wait({running})


async def figures_when(fleet: Fleet, fact: Callable[[Figures], bool]) -> Figures:
    async with asyncio.timeout(30):
        # Figures come about by the passing of time, too: nothing announces them.
        while not fact(figures := fleet.total_figures()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return figures


async def test_all_lights_of_a_good_hub_are_right_in_the_end(hub: FakeHub) -> None:
    async with fleet_of(hub) as fleet:
        await figures_when(fleet, lambda it: it.latency_samples > 20)
        fleet.stop_readings()
        await fleet.wait_until_settled()
        figures = fleet.total_figures()
        assert figures.lights_right == len(PAIRS)
        assert fleet.pairs_not_right() == []
        counts = figures.counts
        assert (counts.wrong_lights, counts.older_lights, counts.complaints) == (0, 0, 0)
        assert counts.received > 0
        assert figures.latency_p50_ms is not None
        assert 0 < figures.latency_p50_ms < 1000


async def test_silence_means_that_no_reading_follows(hub: FakeHub) -> None:
    async with fleet_of(hub) as fleet:
        await figures_when(fleet, lambda it: it.counts.sent > 20)
        fleet.stop_readings()
        await fleet.wait_until_settled()
        sent = fleet.total_figures().counts.sent
        await asyncio.sleep(0.2)  # ten readings of each charger would fit in here
        assert fleet.total_figures().counts.sent == sent


async def test_a_hub_that_lights_the_wrong_colour_is_found_out(hub: FakeHub) -> None:
    hub.shown = lambda status: (
        ChargingStatus.CHARGED if status is ChargingStatus.CHARGING else status
    )
    async with fleet_of(hub, level=50, step=0) as fleet:
        figures = await figures_when(fleet, lambda it: it.lights_wrong == len(PAIRS))
        assert figures.counts.wrong_lights == len(PAIRS)
        assert "shows green" in "\n".join(fleet_view.name_lights(fleet.pairs_not_right()))


async def test_a_hub_that_leaves_widgets_dark_is_found_out(hub: FakeHub) -> None:
    hub.shown = lambda _: None
    async with fleet_of(hub) as fleet:
        await figures_when(fleet, lambda it: it.lights_wrong == len(PAIRS))
        assert "shows dark" in fleet_view.name_lights(fleet.pairs_not_right())[0]


async def test_a_hub_that_forgets_one_change_is_found_out(hub: FakeHub) -> None:
    hub.shown = lambda status: None if status is ChargingStatus.CHARGED else status
    async with fleet_of(hub, rest=10**9) as fleet:
        await figures_when(fleet, lambda it: it.lights_wrong == len(PAIRS))
        assert "shows yellow" in fleet_view.name_lights(fleet.pairs_not_right())[0]


async def test_a_hub_that_repeats_an_older_status_is_found_out(hub: FakeHub) -> None:
    async with fleet_of(hub, level=85, step=0) as fleet:
        await figures_when(fleet, lambda it: it.lights_right == len(PAIRS))
        fleet.stop_readings()
        await fleet.wait_until_settled()
        path = f"/widgets/{PAIRS[0].widget}"
        hub.send(path, status_text(ChargingStatus.CHARGING80))
        hub.send(path, status_text(ChargingStatus.CHARGING))
        await figures_when(fleet, lambda it: it.counts.older_lights == 1)
        await figures_when(fleet, lambda it: it.lights_wrong == 1)


async def test_a_hub_that_restarts_costs_reconnects_and_no_light(hub: FakeHub) -> None:
    async with fleet_of(hub) as fleet:
        await figures_when(fleet, lambda it: it.lights_right == len(PAIRS))
        await hub.close_all(CloseCode.GOING_AWAY)
        await figures_when(fleet, lambda it: it.counts.reconnects == 2 * len(PAIRS))
        await figures_when(fleet, lambda it: it.lights_right == len(PAIRS))
        hub.abort_all()
        await figures_when(fleet, lambda it: it.counts.reconnects == 4 * len(PAIRS))
        fleet.stop_readings()
        await fleet.wait_until_settled()
        figures = fleet.total_figures()
        assert (figures.lights_right, figures.counts.older_lights) == (len(PAIRS), 0)


async def test_a_light_without_a_connection_is_neither_right_nor_wrong(hub: FakeHub) -> None:
    async with fleet_of(hub) as fleet:
        await figures_when(fleet, lambda it: it.lights_right == len(PAIRS))
        await hub.stop()
        figures = await figures_when(fleet, lambda it: it.counts.failed_attempts > 20)
        assert figures.lights_unknown == len(PAIRS)
        assert figures.counts.wrong_lights == 0
        assert "refused" in fleet_view.troubles(fleet)[0]
        assert "lights 0 right, 0 wrong, 5 unknown" in fleet_view.line(figures)
