"""Three gateways, two routers: killing any one of them leaves no wrong light."""

import asyncio

import pytest

from tests.e2e.fleet import Gates, fleet, judged
from tests.fixtures.hub import Hub, StartHub
from tools.servers.redis.server import RedisServer

PAIRS = 24


async def _started(hub: StartHub, **arguments: str) -> tuple[Hub, Gates]:
    running = await hub(gateways=0, routers=2, **arguments)  # type: ignore[arg-type]
    gates = Gates(running)
    for _ in range(3):
        gates.start()
    await running.ready()
    return running, gates


@pytest.mark.parametrize("victim", ["gateway", "router", "registry"])
async def test_killing_one_while_readings_flow_leaves_no_wrong_light(
    hub: StartHub, victim: str
) -> None:
    running, gates = await _started(hub)
    async with fleet(running, gates, PAIRS) as made:
        {
            "gateway": running.gateways[0].process,
            "router": running.routers[0].process,
            "registry": running.registries[0].process,
        }[victim].kill()
        # Readings go on flowing while the others take over.
        await asyncio.sleep(6)
        await judged(made)
    if victim == "gateway":
        # It held some of the connections, or the test proved nothing.
        assert made.total_figures().counts.reconnects > 0


async def test_an_emptied_redis_leaves_no_wrong_light(
    hub: StartHub, private_redis: RedisServer
) -> None:
    running, gates = await _started(hub, redis_url=private_redis.url)
    async with fleet(running, gates, PAIRS) as made:
        made.stop_readings()
        await made.wait_until_settled()
        private_redis.kill()
        private_redis.start()
        # No charger says anything from here on.
        await judged(made)
        await asyncio.sleep(6)
        await judged(made)


async def test_gateways_come_and_go_in_an_orderly_way_without_a_wrong_light(
    hub: StartHub,
) -> None:
    running, gates = await _started(hub)
    async with fleet(running, gates, PAIRS) as made:
        for gateway in running.gateways[:2]:
            assert await gateway.process.terminate() == 0
        fresh = [gates.start(), gates.start()]
        for gateway in fresh:
            await gateway.process.ready()
        await asyncio.sleep(3)
        await judged(made)
