"""The next visitor never sees the last one's light."""

import asyncio

import pytest
from websockets.asyncio.client import ClientConnection

from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    Booth,
    Stored,
    close_code,
    reading,
    receipt,
    received,
)


async def _floor(stored: Stored) -> tuple[int, int]:
    """The revision stored now, as the registry takes it for the floor of a new pairing."""
    live = await stored.live("c1234")
    assert live is not None
    epoch, sequence = live["revision"]
    return epoch, sequence


async def _stays_dark(widget: ClientConnection) -> None:
    # Longer than a sweep, and than a round of comparing what is held.
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(widget.recv(), 2.5)


async def test_a_new_pairing_closes_the_widget_and_starts_dark(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        async with booth.widget("wABCD") as widget:
            await charger.send(reading(100))
            assert await received(widget) == CHARGED
            await stored.pair("c1234", "wABCD", 8, floor=await _floor(stored))
            assert await close_code(widget) == 1001
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            await charger.send(reading(20))
            assert await received(widget) == CHARGING


async def test_a_reading_at_the_floor_lights_nothing_when_it_is_stored_again(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger, booth.widget("wEFGH") as _unregistered:
        await charger.send(reading(100))
        await receipt(charger)
        floor = await _floor(stored)
        await stored.client.flushall()
        await stored.pair("c1234", "wABCD", 8, floor=floor)
        await stored.complete()
        await stored.until(lambda: stored.live("c1234"))
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
        assert await stored.status("wABCD") is None


async def test_while_the_floor_is_unknown_the_reading_stored_again_becomes_it(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        floor = await _floor(stored)
        await stored.client.flushall()
        await stored.pair("c1234", "wABCD", 8, floor=None)
        await stored.complete()
        await stored.until(lambda: stored.level("c1234"))
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            assert tuple((await stored.entry("c1234"))["floor"]) == floor
            await charger.send(reading(30))
            assert await received(widget) == CHARGING


async def test_a_reading_received_before_the_pairing_counts_as_below_the_floor(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        seconds, microseconds = await stored.client.time()
        await stored.client.flushall()
        await stored.put_widget("wABCD", {"pairing": 8, "charger": "c1234"})
        paired_at = seconds * 1_000_000 + microseconds
        entry = {"pairing": 8, "widget": "wABCD", "floor": [0, 0], "paired_at": paired_at}
        await stored.put_charger("c1234", entry)
        await stored.complete()
        await stored.until(lambda: stored.level("c1234"))
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            await charger.send(reading(30))
            assert await received(widget) == CHARGING


async def test_a_late_write_of_the_last_pairing_is_refused(booth: Booth, stored: Stored) -> None:
    # The widget's entry is projected first: from that moment on nothing of the former
    # pairing may light it, though the charger's entry is still the old one.
    await booth.report("c1234", 10)
    await stored.until(lambda: stored.status("wABCD"))
    await stored.put_widget("wABCD", {"pairing": 8, "charger": "c5678"})
    await booth.report("c1234", 100)
    async with booth.widget("wABCD") as widget:
        await _stays_dark(widget)
    assert await stored.status("wABCD") is None
    assert await stored.pending("c1234")


async def test_what_is_pending_at_the_floor_is_cleared_and_lights_nothing(
    booth: Booth, stored: Stored
) -> None:
    # The last step of a re-pairing is to mark the charger pending.
    await booth.report("c1234", 100)
    await stored.until(lambda: stored.status("wABCD"))
    await stored.pair("c1234", "wNEXT", 8, floor=await _floor(stored))
    await stored.client.zadd(stored.names.of_charger("c1234").pending, {"c1234": 1})
    await stored.until(lambda: _is_settled(stored))
    assert await stored.status("wNEXT") is None


async def _is_settled(stored: Stored) -> bool:
    return not await stored.pending("c1234")
