"""From a reading to the light: what a widget gets, byte for byte."""

import asyncio

import pytest

from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    CHARGING80,
    Booth,
    Stored,
    close_code,
    reading,
    receipt,
    received,
)
from tests.integration.hub.conftest import StartGateway


@pytest.mark.parametrize(
    ("level", "message"),
    [(79.9, CHARGING), (80, CHARGING80), (100, CHARGED)],
)
async def test_a_level_becomes_exactly_this_message(
    booth: Booth, level: float, message: str
) -> None:
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(level))
        assert await received(widget) == message


async def test_every_reading_leads_to_a_message_also_when_the_status_stays(booth: Booth) -> None:
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        for level in (10, 10, 11):
            await charger.send(reading(level))
            assert await received(widget) == CHARGING


async def test_a_charger_on_one_gateway_lights_a_widget_on_another(
    booth: Booth, start_gateway: StartGateway
) -> None:
    other = await start_gateway()
    async with other.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


@pytest.mark.parametrize("path", ["widgets", "devices"])
async def test_a_widget_gets_its_status_when_it_connects_on_either_path(
    booth: Booth, stored: Stored, path: str
) -> None:
    await booth.report("c1234", 85)
    await stored.until(lambda: stored.status("wABCD"))
    async with booth.widget("wABCD", path) as widget:
        assert await received(widget) == CHARGING80


async def test_a_widget_without_a_status_gets_nothing_until_there_is_one(booth: Booth) -> None:
    async with booth.widget("wABCD") as widget:
        await receipt(widget)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(widget.recv(), 0.2)
        await booth.report("c1234", 5)
        assert await received(widget) == CHARGING


async def test_all_connections_of_a_widget_get_every_status(booth: Booth) -> None:
    async with (
        booth.widget("wABCD") as first,
        booth.widget("wABCD") as second,
        booth.charger("c1234") as charger,
    ):
        await charger.send(reading(80))
        assert await received(first) == await received(second) == CHARGING80


async def test_a_charger_that_sends_and_leaves_at_once_counts(booth: Booth, stored: Stored) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(42))
    await stored.until(lambda: stored.level("c1234"))
    assert await stored.level("c1234") == 42


async def test_a_reading_of_an_unpaired_charger_is_stored_and_lights_nothing(
    booth: Booth, stored: Stored
) -> None:
    await stored.put_charger("lonely", {"pairing": 9})
    await booth.report("lonely", 50)
    assert await stored.level("lonely") == 50
    assert not await stored.pending("lonely")


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_an_unregistered_id_sees_open_and_then_close_4404(
    open_booth: Booth, kind: str
) -> None:
    device = open_booth.charger("nobody") if kind == "charger" else open_booth.widget("nobody")
    async with device as connection:
        assert await close_code(connection) == 4404


async def test_a_stopping_gateway_sends_devices_off_with_1001(booth: Booth) -> None:
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(3))
        assert await received(widget) == CHARGING
        ending = asyncio.ensure_future(booth.stop())
        assert await close_code(widget) == 1001
        assert await close_code(charger) == 1001
        await ending
