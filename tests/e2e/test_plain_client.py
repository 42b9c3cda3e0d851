"""The hub as real processes, with a registry, seen by plain WebSocket clients."""

import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.fixtures.hub import StartHub
from tests.integration.hub.booth import CHARGED, CHARGING, close_code, reading, receipt, received


async def test_the_next_visitor_never_sees_the_last_ones_green(hub: StartHub) -> None:
    running = await hub(gateways=2)
    first, second = running.gateways
    await running.register(("c1234", "wABCD"))
    await running.register_widget("wNEXT")
    async with connect(first.charger_url("c1234")) as charger:
        await charger.send(reading(100))
        async with connect(second.widget_url("wABCD")) as widget:
            assert await received(widget) == CHARGED
            # The next visitor gets another widget; the full phone is still in there.
            await running.pair("c1234", "wNEXT", replace=True)
            assert await close_code(widget) == 1001
        async with (
            connect(second.widget_url("wNEXT")) as fresh,
            connect(second.widget_url("wABCD")) as former,
        ):
            await charger.send(reading(12))
            assert await received(fresh) == CHARGING
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(former.recv(), 2)


async def test_unregistering_closes_the_connections_and_registering_again_works(
    hub: StartHub,
) -> None:
    running = await hub()
    (gateway,) = running.gateways
    await running.register(("c1234", "wABCD"))
    async with (
        connect(gateway.charger_url("c1234")) as charger,
        connect(gateway.widget_url("wABCD")) as widget,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED
        await running.unregister_charger("c1234")
        assert await close_code(charger) == 4404
        await running.unregister_widget("wABCD")
        assert await close_code(widget) in (1001, 4404)
    await running.register(("c1234", "wABCD"))
    async with connect(gateway.widget_url("wABCD")) as widget:
        async with connect(gateway.charger_url("c1234")) as charger:
            await charger.send(reading(30))
            await receipt(charger)
        assert await received(widget) == CHARGING
