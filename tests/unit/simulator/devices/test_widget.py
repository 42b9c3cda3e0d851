"""A widget against a hub: dark until the first status, after every connect."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.simulator.devices.disconnect_reason import Closed
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from services.simulator.devices.widget import Lit, NotUnderstood, Widget
from shared.contract.device_protocol import ChargingStatus, CloseCode
from tests.unit.simulator.fake_hub import FakeHub, Heard, status_text


@asynccontextmanager
async def widget_of(hub: FakeHub, name: str = "w1") -> AsyncIterator[tuple[Widget, Heard]]:
    heard = Heard()
    widget = Widget(name, hub.url, pace=Pace(random.Random(1)), notify=heard)
    running = asyncio.create_task(widget.run())
    try:
        yield widget, heard
    finally:
        running.cancel()
        await asyncio.wait({running})


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub({"c1": "w1"}) as found:
        yield found


async def test_a_widget_shows_what_the_hub_sends(hub: FakeHub) -> None:
    hub.stored["c1"] = 50
    async with widget_of(hub) as (widget, heard):
        await heard.until(lambda event: event == Lit(ChargingStatus.CHARGING))
        hub.send("/widgets/w1", status_text(ChargingStatus.CHARGED))
        await heard.until(lambda event: event == Lit(ChargingStatus.CHARGED))
        assert widget.shown is ChargingStatus.CHARGED


@pytest.mark.parametrize("code", [CloseCode.GOING_AWAY, 1011])
async def test_a_widget_is_dark_after_a_reconnect_until_its_first_status(
    hub: FakeHub, code: int
) -> None:
    hub.stored["c1"] = 100
    async with widget_of(hub) as (widget, heard):
        await heard.until(lambda event: isinstance(event, Lit))
        hub.stored.clear()
        await hub.close_all(code)
        await heard.until(lambda event: isinstance(event, Connected), times=2)
        assert widget.shown is None
        [lost] = [event for event in heard if isinstance(event, Disconnected)]
        assert lost.reason == Closed(code, "the test says so")


async def test_a_widget_is_dark_while_it_is_not_connected(hub: FakeHub) -> None:
    hub.stored["c1"] = 100
    async with widget_of(hub) as (widget, heard):
        await heard.until(lambda event: isinstance(event, Lit))
        await hub.stop()
        await heard.until(lambda event: isinstance(event, Disconnected))
        assert widget.shown is None
        assert not widget.connected


async def test_a_message_with_a_further_field_is_told_and_changes_nothing(hub: FakeHub) -> None:
    hub.stored["c1"] = 50
    async with widget_of(hub) as (widget, heard):
        await heard.until(lambda event: isinstance(event, Lit))
        hub.send(
            "/widgets/w1", '{"event":"chargingStatus","data":{"status":"charged"},"revision":7}'
        )
        told = await heard.until(lambda event: isinstance(event, NotUnderstood))
        assert "revision" in told.message
        assert widget.shown is ChargingStatus.CHARGING
