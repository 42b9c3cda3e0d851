"""Three gateways, two routers, one Redis: losing a gateway leaves no wrong light."""

import asyncio

from tests.e2e.fleet import fleet, judge_lights, start_group
from tests.fixtures.hub import StartHub

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
