"""The hub as real processes, with a registry, seen by plain WebSocket clients."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fixtures.hub import Gateway, StartHub

CHARGING = '{"event":"chargingStatus","data":{"status":"charging"}}'
CHARGED = '{"event":"chargingStatus","data":{"status":"charged"}}'


async def _next(widget: ClientConnection) -> str:
    async with asyncio.timeout(10):
        message = await widget.recv()
    assert isinstance(message, str)
    return message


async def _report(gateway: Gateway, charger: str, level: float) -> None:
    async with connect(gateway.charger_url(charger)) as device:
        await device.send(f'{{"event":"StateOfCharge","data":{{"soc":{level}}}}}')
        await (await device.ping())


async def _closed_with(device: ClientConnection) -> int | None:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await device.recv()
    return device.close_code


async def test_the_next_visitor_never_sees_the_last_ones_green(hub: StartHub) -> None:
    running = await hub(gateways=2)
    first, second = running.gateways
    await running.register(("c1234", "wABCD"))
    await running.register_widget("wNEXT")
    async with connect(first.charger_url("c1234")) as charger:
        await charger.send('{"event":"StateOfCharge","data":{"soc":100}}')
        async with connect(second.widget_url("wABCD")) as widget:
            assert await _next(widget) == CHARGED
            # The next visitor gets another widget; the full phone is still in there.
            await running.pair("c1234", "wNEXT", replace=True)
            assert await _closed_with(widget) == 1001
        async with (
            connect(second.widget_url("wNEXT")) as fresh,
            connect(second.widget_url("wABCD")) as former,
        ):
            await charger.send('{"event":"StateOfCharge","data":{"soc":12}}')
            assert await _next(fresh) == CHARGING
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
        await charger.send('{"event":"StateOfCharge","data":{"soc":100}}')
        assert await _next(widget) == CHARGED
        await running.unregister_charger("c1234")
        assert await _closed_with(charger) == 4404
        await running.unregister_widget("wABCD")
        assert await _closed_with(widget) in (1001, 4404)
    await running.register(("c1234", "wABCD"))
    async with connect(gateway.widget_url("wABCD")) as widget:
        await _report(gateway, "c1234", 30)
        assert await _next(widget) == CHARGING
