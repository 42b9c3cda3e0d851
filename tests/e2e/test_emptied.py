"""FLUSHALL while readings flow: all is back by itself, and no charger has to say it again."""

import asyncio
import time

from tests.e2e.fleet import SETTLE_SECONDS, fleet, judge_lights, start_group
from tests.fixtures.hub import StartHub, connect_device
from tests.fixtures.redis_at import empty

PAIRS = 24


async def _light(url: str) -> str:
    """What a widget is told that connects now, as long as it takes."""
    async with connect_device(url) as widget:
        message = await widget.recv()
    assert isinstance(message, str)
    return message


async def test_an_emptied_redis_under_load_leaves_no_wrong_light(
    hub: StartHub, redis_url: str
) -> None:
    running, group = await start_group(hub)
    async with fleet(running, group, PAIRS) as made:
        for _ in range(3):
            empty(redis_url)
            await asyncio.sleep(SETTLE_SECONDS)
            assert made.take_figures().counts.wrong_lights == 0
        await judge_lights(made)


async def test_lights_come_back_without_any_charger_sending(hub: StartHub, redis_url: str) -> None:
    running, group = await start_group(hub)
    async with fleet(running, group, PAIRS) as made:
        made.stop_readings()
        await made.wait_until_settled()
        urls = [f"{group.widgets_url}/widgets/{pair.plan.pair.widget}" for pair in made.pairs]
        before = await asyncio.gather(*(_light(url) for url in urls))
        empty(redis_url)
        emptied_at = time.monotonic()
        # The widgets that are there keep their light. These are new ones: each
        # is told what the hub knows, which was nothing a moment ago.
        async with asyncio.timeout(2 * SETTLE_SECONDS):
            after = await asyncio.gather(*(_light(url) for url in urls))
        took = time.monotonic() - emptied_at
        assert after == before
        assert took < SETTLE_SECONDS
        await judge_lights(made)
