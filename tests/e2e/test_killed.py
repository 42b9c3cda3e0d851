"""Three gateways, two routers, one Redis: losing one of them leaves no wrong light."""

import asyncio

from tests.e2e.fleet import fleet, judge_lights, start_group
from tests.fixtures.hub import StartHub
from tools.servers.redis.server import RedisServer

PAIRS = 24


async def test_killing_a_gateway_while_readings_flow_leaves_no_wrong_light(hub: StartHub) -> None:
    running, group = await start_group(hub)
    async with fleet(running, group, PAIRS) as made:
        running.gateways[0].process.kill()
        # Readings go on flowing while the others take over.
        await asyncio.sleep(6)
        await judge_lights(made)
    # It held some of the connections, or the test proved nothing.
    assert made.total_figures().counts.reconnects > 0


async def test_an_emptied_redis_leaves_no_wrong_light(
    hub: StartHub, private_redis: RedisServer
) -> None:
    running, group = await start_group(hub, redis_url=private_redis.url)
    async with fleet(running, group, PAIRS) as made:
        made.stop_readings()
        await made.wait_until_settled()
        private_redis.kill()
        private_redis.start()
        # No charger says anything from here on.
        await judge_lights(made)
        await asyncio.sleep(6)
        await judge_lights(made)


async def test_gateways_come_and_go_in_an_orderly_way_without_a_wrong_light(
    hub: StartHub,
) -> None:
    running, group = await start_group(hub)
    async with fleet(running, group, PAIRS) as made:
        for gateway in running.gateways[:2]:
            assert await gateway.process.terminate() == 0
        fresh = [group.start(), group.start()]
        for gateway in fresh:
            await gateway.process.ready()
        await asyncio.sleep(3)
        await judge_lights(made)
