"""Redis frozen, restarted, emptied; doorbells lost: pongs are honest, lights come right."""

import asyncio

import pytest
from redis.asyncio import Redis
from websockets.protocol import State

from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    CHARGING80,
    Booth,
    Stored,
    reading,
    receipt,
    received,
    soon,
)
from tests.integration.hub.conftest import StartGateway, StartRouter
from tests.integration.hub.ocpp_charger import soc_message
from tools.servers.redis.server import RedisServer


@pytest.fixture
def redis_url(private_redis: RedisServer) -> str:
    """A Redis of this test's own, for all services of the test."""
    return private_redis.url


@pytest.fixture
async def paired(booth: Booth, stored: Stored, start_router: StartRouter) -> tuple[Booth, Stored]:
    """Two routers, one gateway, one pair."""
    await start_router()
    return booth, stored


async def test_a_frozen_redis_gives_no_pong_and_the_connection_stays(
    paired: tuple[Booth, Stored], private_redis: RedisServer
) -> None:
    booth, _ = paired
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(10))
        assert await received(widget) == CHARGING
        private_redis.freeze()
        await charger.send(reading(100))
        pong = await charger.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 3)
        private_redis.thaw()
        await soon(pong)
        assert await received(widget) == CHARGED


async def test_a_ping_without_anything_to_store_is_answered_at_once(
    paired: tuple[Booth, Stored], private_redis: RedisServer
) -> None:
    booth, _ = paired
    async with booth.charger("c1234") as charger:
        await charger.send(reading(10))
        await receipt(charger)
        private_redis.freeze()
        await receipt(charger)
        private_redis.thaw()


@pytest.mark.parametrize("keep_data", [True, False])
async def test_a_restarted_redis_is_right_again_without_any_charger_sending(
    paired: tuple[Booth, Stored], private_redis: RedisServer, *, keep_data: bool
) -> None:
    booth, stored = paired
    async with booth.charger("c1234") as charger, booth.widget("wABCD") as widget:
        await charger.send(reading(85))
        assert await received(widget) == CHARGING80
        private_redis.stop(keep_data=keep_data)
        await charger.send(reading(100))
        pong = await charger.ping()
        private_redis.start()
        async with Redis.from_url(private_redis.url) as client:
            stored = Stored(client)
            if not keep_data:
                await stored.pair("c1234", "wABCD", 7)
                await stored.complete()
            assert await received(widget) == CHARGED
            await soon(pong)
            async with booth.widget("wABCD") as second:
                assert await received(second) == CHARGED


async def test_while_redis_is_away_devices_stay_and_of_what_they_say_the_newest_arrives(
    paired: tuple[Booth, Stored], private_redis: RedisServer
) -> None:
    booth, _ = paired
    async with booth.charger("c1234") as charger, booth.widget("wABCD") as widget:
        await charger.send(reading(10))
        assert await received(widget) == CHARGING
        private_redis.stop(keep_data=True)
        for level in (20, 90, 30, 85, 100):
            await charger.send(reading(level))
        pong = await charger.ping()
        # Longer than every deadline there is towards Redis.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(widget.recv(), 4)
        assert charger.state is widget.state is State.OPEN
        private_redis.start()
        assert await received(widget) == CHARGED
        await soon(pong)


async def test_an_ocpp_charger_has_no_answer_to_readings_until_redis_is_back_and_heartbeats_do(
    paired: tuple[Booth, Stored], private_redis: RedisServer
) -> None:
    booth, _ = paired
    async with (
        booth.widget("wABCD") as widget,
        booth.charger("c1234", subprotocol="ocpp1.6") as charger,
    ):
        await charger.send(soc_message("first", 10))
        assert await received(charger) == '[3,"first",{}]'
        assert await received(widget) == CHARGING
        private_redis.stop(keep_data=True)
        open_calls = [f"call {number}" for number in range(1, 11)]
        for number, call in enumerate(open_calls, 1):
            await charger.send(soc_message(call, 10 * number))
        await charger.send('[2,"beat","Heartbeat",{}]')
        assert '[3,"beat",{"currentTime"' in await received(charger)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(charger.recv(), 3)
        private_redis.start()
        answers = [await received(charger) for _ in open_calls]
        assert answers == [f'[3,"{call}",{{}}]' for call in open_calls]
        assert await received(widget) == CHARGED


async def test_a_status_that_redis_lost_is_written_again_after_a_lost_connection(
    paired: tuple[Booth, Stored],
) -> None:
    # What a promoted replica may look like: the reading is there, the status is not,
    # and nothing is pending.
    booth, stored = paired
    await booth.report("c1234", 100)
    await stored.until(lambda: stored.status("wABCD"))
    await stored.until(lambda: _settled(stored))
    await stored.client.hdel(stored.names.of_widget("wABCD").statuses, "wABCD")
    await stored.client.client_kill_filter(_type="normal", skipme=True)
    await stored.until(lambda: stored.status("wABCD"))


async def test_a_reading_that_redis_lost_is_stored_again_by_its_gateway(
    paired: tuple[Booth, Stored],
) -> None:
    booth, stored = paired
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        await stored.client.hdel(stored.names.of_charger("c1234").live, "c1234")
        await stored.until(lambda: stored.level("c1234"))


async def test_a_lost_doorbell_costs_latency_and_no_light(
    stored: Stored, start_gateway: StartGateway, start_router: StartRouter
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway()
    async with booth.widget("wABCD") as widget:
        # Nobody hears this one's doorbell: there is no router yet.
        await booth.report("c1234", 100)
        assert await stored.pending("c1234")
        await start_router()
        assert await received(widget) == CHARGED


async def test_a_lost_subscription_is_made_again_and_its_status_read(
    paired: tuple[Booth, Stored],
) -> None:
    booth, stored = paired
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(10))
        assert await received(widget) == CHARGING
        await stored.client.client_kill_filter(_type="pubsub")
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


async def _settled(stored: Stored) -> bool:
    return not await stored.pending("c1234")
