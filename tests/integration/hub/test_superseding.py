"""Several connections of one charger: the newest counts, the older ones harm nothing."""

import asyncio

import pytest

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
from tests.integration.hub.conftest import StartGateway


async def _have_epoch(stored: Stored, than: int = 0) -> int:
    async def newer() -> bool:
        live = await stored.live("c1234")
        return live is not None and live["epoch"] > than

    await stored.until(newer)
    live = await stored.live("c1234")
    assert live is not None
    return int(live["epoch"])


@pytest.mark.parametrize("gateways", [1, 2])
async def test_the_next_frame_of_an_older_connection_is_refused_with_4409(
    booth: Booth, stored: Stored, start_gateway: StartGateway, gateways: int
) -> None:
    other = booth if gateways == 1 else await start_gateway()
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as old:
        first = await _have_epoch(stored)
        async with other.charger("c1234") as new:
            await _have_epoch(stored, first)
            await new.send(reading(10))
            assert await received(widget) == CHARGING
            await old.send(reading(100))
            assert await close_code(old) == 4409
            assert await stored.level("c1234") == 10
            await new.send(reading(100))
            assert await received(widget) == CHARGED


async def test_an_older_connection_is_not_closed_out_of_the_blue(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as old:
        await old.send(reading(10))
        await receipt(old)
        first = await _have_epoch(stored)
        async with booth.charger("c1234") as new:
            await _have_epoch(stored, first)
            await new.send(reading(20))
            await receipt(new)
            # Longer than a whole round of comparing what is held with what is stored.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(old.recv(), 2.5)
            assert await stored.level("c1234") == 20
            # The newer one's end changes nothing about that.
        await old.send(reading(30))
        assert await close_code(old) == 4409
        assert await stored.level("c1234") == 20


async def test_the_end_of_an_old_connection_leaves_the_new_one_alone(
    booth: Booth, stored: Stored
) -> None:
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as old:
        first = await _have_epoch(stored)
        async with booth.charger("c1234") as new:
            second = await _have_epoch(stored, first)
            await old.close()
            await new.send(reading(100))
            assert await received(widget) == CHARGED
            live = await stored.live("c1234")
            assert live is not None
            assert live["epoch"] == second


async def test_an_emptied_redis_does_not_make_an_old_connection_the_newest(
    booth: Booth, stored: Stored, start_gateway: StartGateway
) -> None:
    other = await start_gateway()
    async with booth.charger("c1234") as old, booth.widget("wABCD") as widget:
        await old.send(reading(100))
        assert await received(widget) == CHARGED
        first = await _have_epoch(stored)
        # The newer one has not said anything yet: all there is of it is its epoch.
        async with other.charger("c1234"):
            second = await _have_epoch(stored, first)
            await stored.client.flushall()
            await stored.pair("c1234", "wABCD", 7)
            await stored.complete()
            assert await _have_epoch(stored, second - 1) == second
            await old.send(reading(10))
            assert await close_code(old) == 4409
