"""A light that is stored in Redis is soon on each wall.

``make console-proof`` does it with 300 lights each, and prints how long they took; here no more is
asserted than that it is a matter of seconds.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Browser
from websockets.asyncio.client import ClientConnection

from tests.benchmarks.stage import Stage, stage
from tests.console.booth import cable
from tests.console.chromium import DESK, SOON_MS, visit
from tests.console.painted import LOOK, Change, painted_by, said_of, storing, waits
from tests.fixtures.hub import HOST, Gateway, connect_device

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(600)]

LIGHTS: Final = int(os.environ.get("CHARGELIGHT_TEST_LIGHTS", "30"))
PER_SECOND: Final = 10
CHARGERS: Final = 30
"""All of them are in sight; each has another light every three seconds."""
LEVELS: Final = (85, 100, 10)
SOON: Final = SOON_MS / 1000


def charger(number: int) -> str:
    return f"c{number % CHARGERS:05}"


@asynccontextmanager
async def reporting(gateway: Gateway) -> AsyncIterator[dict[str, ClientConnection]]:
    """Have all chargers connected, each with a phone that charges."""
    async with AsyncExitStack() as stack:
        devices = {
            charger(number): await stack.enter_async_context(
                connect_device(gateway.charger_url(charger(number)))
            )
            for number in range(CHARGERS)
        }
        for device in devices.values():
            await say(device, 10)
        yield devices


async def say(device: ClientConnection, level: float) -> None:
    await device.send(json.dumps({"event": "StateOfCharge", "data": {"soc": level}}))


async def change_lights(devices: dict[str, ClientConnection], first: int, count: int) -> None:
    """Have one light after the other become another one, at a pace."""
    for number in range(first, first + count):
        await say(devices[charger(number)], LEVELS[number // CHARGERS % len(LEVELS)])
        await asyncio.sleep(1 / PER_SECOND)  # their pace, not a wait for something


async def all_stored(changes: list[Change], count: int) -> None:
    async with asyncio.timeout(SOON):
        while len(changes) < count:  # noqa: ASYNC110 - another process fills it
            await asyncio.sleep(0.05)


@asynccontextmanager
async def two_registries(*, cluster: bool) -> AsyncIterator[Stage]:
    async with stage(cluster=cluster) as prepared:
        prepared.hub.start_registry()
        prepared.hub.start_router()
        prepared.hub.start_gateway()
        await prepared.hub.ready()
        await prepared.register_pairs(CHARGERS)
        yield prepared


@pytest.mark.parametrize("cluster", [False, True], ids=["one Redis", "cluster"])
async def test_each_light_is_soon_on_the_walls_of_both_registries(
    browser: Browser, *, cluster: bool
) -> None:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        prepared = await enter(two_registries(cluster=cluster))
        devices = await enter(reporting(prepared.hub.gateways[0]))
        walls = [
            await enter(visit(browser, f"{each.url}/console/#/wall", viewport=DESK))
            for each in prepared.hub.registries
        ]
        for wall in walls:
            for each in devices:
                await wall.tile(each, "charging")
            await wall.page.evaluate(LOOK)
        stored = await enter(storing(prepared.redis_url, cluster=cluster))
        await change_lights(devices, 0, LIGHTS)
        await all_stored(stored.changes, LIGHTS)
        for number, wall in enumerate(walls, start=1):
            for change in stored.changes[-CHARGERS:]:
                await wall.tile(change.charger, change.kind)
            found = waits(stored.changes, await painted_by(wall.page))
            kind = "cluster" if cluster else "one Redis"
            print(f"\n{kind}, wall of registry {number}: {said_of(found)}")  # noqa: T201 - for `-s`
            assert max(found) < SOON


async def test_each_light_is_soon_on_a_wall_whose_registry_was_killed(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        prepared = await enter(two_registries(cluster=False))
        one, other = prepared.hub.registries
        balancer = await enter(cable((HOST, one.port), (HOST, other.port)))
        devices = await enter(reporting(prepared.hub.gateways[0]))
        url = f"http://{HOST}:{balancer.port}/console/#/wall"
        wall = await enter(visit(browser, url, viewport=DESK, may_fail=True))
        for each in devices:
            await wall.tile(each, "charging")
        await wall.page.evaluate(LOOK)
        stored = await enter(storing(prepared.redis_url, cluster=False))
        lighting = asyncio.create_task(change_lights(devices, 0, LIGHTS), name="lighting")
        await all_stored(stored.changes, LIGHTS // 3)
        one.process.kill()
        killed_at = time.time()
        await lighting
        await all_stored(stored.changes, LIGHTS)
        for change in stored.changes[-CHARGERS:]:
            await wall.tile(change.charger, change.kind)
        await wall.said("live")
        found = waits(stored.changes, await painted_by(wall.page))
        parts = {"before": (0.0, killed_at - 2), "at": (killed_at - 2, killed_at + 2)}
        parts["after"] = (killed_at + 2, time.time())
        for name, (begin, end) in parts.items():
            some = [
                each
                for each, change in zip(found, stored.changes, strict=True)
                if begin <= change.at < end
            ]
            print(f"\n{name} the kill: {said_of(some)}")  # noqa: T201 - for `-s`
        assert max(found) < SOON
