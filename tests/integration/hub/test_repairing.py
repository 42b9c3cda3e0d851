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
    mark,
    paired,
    reading,
    receipt,
    received,
)


async def _stays_dark(widget: ClientConnection) -> None:
    # Longer than a sweep, and than a round of comparing what is held.
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(widget.recv(), 2.5)


async def hand_over(stored: Stored) -> None:
    """Pair again, so long after the last reading that it is certainly from before."""
    await asyncio.sleep(0.3)
    await stored.pair("c1234", "wABCD", 8, seconds_ago=0)


async def test_a_new_pairing_closes_the_widget_and_starts_dark(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        async with booth.widget("wABCD") as widget:
            await charger.send(reading(100))
            assert await received(widget) == CHARGED
            await hand_over(stored)
            assert await close_code(widget) == 1001
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            await charger.send(reading(20))
            assert await received(widget) == CHARGING


async def test_a_reading_of_the_last_pairing_lights_nothing_when_it_is_stored_again(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        await stored.client.flushall()
        await hand_over(stored)
        await stored.complete()
        await stored.until(lambda: stored.level("c1234"))
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            assert await stored.status("wABCD") is None
            await charger.send(reading(30))
            assert await received(widget) == CHARGING


async def test_a_number_that_was_drawn_again_is_another_pairing(
    booth: Booth, stored: Stored
) -> None:
    # Postgres went back in time, and Redis was emptied.
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        live = await stored.live("c1234")
        assert live is not None
        assert live["mark"] == mark(7)
        await asyncio.sleep(0.3)
        await stored.client.flushall()
        await stored.put_widget("wABCD", {"pairing": 7, "charger": "c1234"})
        entry = {**paired(7, "wABCD", await stored.now_us()), "token": "f" * 16}
        await stored.put_charger("c1234", entry)
        await stored.complete()
        await stored.until(lambda: stored.level("c1234"))
        async with booth.widget("wABCD") as widget:
            await _stays_dark(widget)
            await charger.send(reading(30))
            assert await received(widget) == CHARGING


async def test_a_reading_of_the_present_pairing_lights_again_after_redis_was_emptied(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        await stored.client.flushall()
        await stored.pair("c1234", "wABCD", 7, seconds_ago=0)
        await stored.complete()
        async with booth.widget("wABCD") as widget:
            assert await received(widget) == CHARGED


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


async def test_what_is_pending_of_the_last_pairing_is_cleared_and_lights_nothing(
    booth: Booth, stored: Stored
) -> None:
    # The last step of a re-pairing is to mark the charger pending.
    await booth.report("c1234", 100)
    await stored.until(lambda: stored.status("wABCD"))
    await stored.pair("c1234", "wNEXT", 8)
    await stored.client.zadd(stored.names.of_charger("c1234").pending, {"c1234": 1})
    await stored.until(lambda: _is_settled(stored))
    assert await stored.status("wNEXT") is None


async def test_a_status_that_redis_lost_is_routed_again_once_its_widget_connects(
    booth: Booth, stored: Stored
) -> None:
    await booth.report("c1234", 100)
    await stored.until(lambda: stored.status("wABCD"))
    await stored.until(lambda: _is_settled(stored))
    await stored.client.delete(stored.names.of_widget("wABCD").statuses)
    async with booth.widget("wABCD") as widget:
        assert await received(widget) == CHARGED


async def _is_settled(stored: Stored) -> bool:
    return not await stored.pending("c1234")
