"""A charger that sends too fast is read slowly, closed in the end, and loses nothing."""

import asyncio
from typing import Any

import pytest

from tests.fixtures import raw_frames
from tests.fixtures.raw_frames import FRAGMENTS, masked
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
from tests.integration.hub.conftest import StartGateway, StartRouter

PING, PONG = masked(raw_frames.PING), masked(raw_frames.PONG)


async def test_more_at_once_than_may_be_sent_is_taken_slowly_and_the_last_reading_counts(
    booth: Booth,
) -> None:
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        for _ in range(1000):
            await charger.send(reading(10))
        await charger.send(reading(100))
        await receipt(charger)
        async with asyncio.timeout(30):
            while await received(widget) != CHARGED:
                pass
        await charger.send(reading(20))
        assert await received(widget) == CHARGING


@pytest.mark.parametrize("flood", [PING * 1000, FRAGMENTS * 100, PONG * 1000])
async def test_a_flood_is_closed_with_4429_and_what_was_acknowledged_before_stays(
    stored: Stored,
    start_gateway: StartGateway,
    start_router: StartRouter,
    flood: bytes,
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    await start_router()
    booth = await start_gateway(bytes_per_second=2000, burst_bytes=4000, too_fast_seconds=1)
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        assert await received(widget) == CHARGED
        flooding = asyncio.create_task(_flood(charger, flood))
        code = await close_code(charger)
        flooding.cancel()
    # Empty texts are bad messages too: a flood of those may be closed for that first.
    assert code == 4429 or (flood.startswith(FRAGMENTS) and code == 1008)
    assert await stored.level("c1234") == 100
    if code == 4429:

        async def is_noted() -> bool:
            return (await stored.rejection("c1234")).get("code") == "too_fast"

        await stored.until(is_noted)


async def test_of_a_flood_of_readings_the_last_one_read_is_stored(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(bytes_per_second=2000, burst_bytes=4000, too_fast_seconds=1)
    frames = [raw_frames.reading(level) for level in range(10, 100)]
    async with booth.charger("c1234") as charger:
        flooding = asyncio.create_task(_flood(charger, b"".join(frames)))
        assert await close_code(charger) == 4429
        flooding.cancel()
    live = await stored.live("c1234")
    assert live is not None
    number = live["revision"][1]
    assert number > 50
    assert live["soc"] == 10 + (number - 1) % 90


async def _flood(device: Any, piece: bytes) -> None:
    transport = device.transport
    while not transport.is_closing():
        if transport.get_write_buffer_size() < len(piece):
            transport.write(piece)
        await asyncio.sleep(0.001)
