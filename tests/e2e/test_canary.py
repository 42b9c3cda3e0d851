"""The canary and the audit of lights, at a whole hub: both find a status broken by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from shared.contract.doorbells import decode_status
from shared.contract.names import Names
from tests.fixtures.exposition import series_of
from tests.fixtures.hub import HOST, Hub, StartHub, connect_device
from tests.fixtures.redis_at import client_of
from tests.fixtures.wrong_status import write_status, wrong_status_of
from tests.integration.hub.booth import CHARGING80, reading, received

if TYPE_CHECKING:
    from redis.asyncio import Redis

FOUND_SECONDS: Final = 60.0
"""In which a broken status is found, as promised."""
STARTED_SECONDS: Final = 60.0
AUDITED: Final = "chargelight_lights_audited_total"
LIGHTS: Final = "chargelight_canary_lights_total"


async def counts(hub: Hub, health_port: int, name: str) -> dict[str, float]:
    """Return a counter's values by outcome."""
    url = f"http://{HOST}:{health_port}/metrics"
    text = (await hub.client.get(url, headers={"Authorization": ""})).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    labels = {dict(labels)["outcome"] for each, labels in series_of(text) if each == name}
    return {each: float(values[f'{name}{{outcome="{each}"}}']) for each in labels}


async def until(fact: Callable[[], Awaitable[bool]], within: float) -> None:
    async with asyncio.timeout(within):
        while not await fact():  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(0.2)


async def break_status(client: "Redis", widget: str, *, ahead: int) -> None:
    await write_status(client, widget, await wrong_status_of(client, widget, ahead=ahead))


async def test_a_status_broken_by_hand_is_found_by_both(hub: StartHub, redis_url: str) -> None:
    running = await hub()
    await running.register(("c1234", "wABCD"))
    canary = running.start_canary()
    audit_port = running.registries[0].health_port

    async def seen_by_canary() -> dict[str, float]:
        return await counts(running, canary.health_port, LIGHTS)

    async def audited() -> dict[str, float]:
        return await counts(running, audit_port, AUDITED)

    async def both_are_right() -> bool:
        return (await seen_by_canary())["right"] >= 6 and (await audited())["right"] >= 2

    gateway = running.gateways[0]
    async with (
        connect_device(gateway.widget_url("wABCD")) as widget,
        connect_device(gateway.charger_url("c1234")) as charger,
        client_of(redis_url) as client,
    ):
        await canary.process.ready()
        await charger.send(reading(85))
        assert await received(widget) == CHARGING80
        await until(both_are_right, STARTED_SECONDS)
        assert (await seen_by_canary())["wrong"] == 0
        assert (await audited())["wrong"] == 0

        async def is_found() -> bool:
            # Routers replace it, each charger's about once a minute: then it is broken again.
            await break_status(client, "wABCD", ahead=0)
            return (await audited())["wrong"] > 0

        await until(is_found, FOUND_SECONDS)
        await break_status(client, "canary-widget", ahead=1000)

        async def is_seen() -> bool:
            return (await seen_by_canary())["wrong"] > 0

        await until(is_seen, FOUND_SECONDS)
        right = (await seen_by_canary())["right"]

        async def is_right_again() -> bool:
            return (await seen_by_canary())["right"] > right + 3

        await until(is_right_again, FOUND_SECONDS)
        statuses = Names(64).of_widget("wABCD").statuses

        async def is_replaced() -> bool:
            stored = await client.hget(statuses, "wABCD")
            return stored is not None and decode_status(stored).data.status == "charging80"

        await until(is_replaced, 2 * FOUND_SECONDS)


async def test_a_canary_goes_on_without_a_registry_and_comes_back_to_its_gateway(
    hub: StartHub,
) -> None:
    running = await hub()
    canary = running.start_canary()
    await canary.process.ready()

    async def right_more_often(than: float) -> bool:
        return (await counts(running, canary.health_port, LIGHTS))["right"] > than

    await until(lambda: right_more_often(1), STARTED_SECONDS)
    assert await running.registries[0].process.terminate() == 0
    before = (await counts(running, canary.health_port, LIGHTS))["right"]
    await until(lambda: right_more_often(before + 3), STARTED_SECONDS)
    gateway = running.gateways[0].process
    await gateway.terminate()

    async def is_dark() -> bool:
        return (await counts(running, canary.health_port, LIGHTS))["dark"] > 0

    await until(is_dark, STARTED_SECONDS)
    gateway.start()
    before = (await counts(running, canary.health_port, LIGHTS))["right"]
    await until(lambda: right_more_often(before + 2), STARTED_SECONDS)
    assert canary.process.is_running()
