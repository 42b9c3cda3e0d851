"""A gateway that leaves takes devices for a while, although it says that it wants none."""

import asyncio
import signal
import sys
import time

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.fixtures.children import children_of, send_signal
from tests.fixtures.hub import HOST, Gateway, Hub, StartHub, connect_device
from tests.integration.hub.booth import CHARGED, SOON, close_code, reading, received

LEAVE = "CHARGELIGHT_GATEWAY_LEAVE_SECONDS"
LONG = "600"
"""Far longer than any test waits."""
TWO_WORKERS = pytest.param(
    "2",
    marks=pytest.mark.skipif(
        sys.platform != "linux",
        reason="only Linux spreads connections over processes that share a port",
    ),
)
WORKERS = pytest.mark.parametrize("workers", ["1", TWO_WORKERS])


async def gateway_that_leaves(hub: StartHub, seconds: str, workers: str) -> Gateway:
    """Start a hub with a gateway that leaves for so long, and a registered pair."""
    running: Hub = await hub(gateways=0)
    settings = {LEAVE: seconds, "CHARGELIGHT_GATEWAY_WORKERS": workers}
    gateway = running.start_gateway(settings)
    await running.ready()
    await running.register(("c1234", "wABCD"))
    return gateway


async def until_it_wants_no_devices(gateway: Gateway) -> None:
    url = f"http://{HOST}:{gateway.health_port}/accepting"
    async with asyncio.timeout(SOON), httpx.AsyncClient(trust_env=False) as client:
        while (await client.get(url)).text != "no: stopping\n":  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def until_it_takes_none(gateway: Gateway) -> None:
    async with asyncio.timeout(SOON):
        for port in (gateway.charger_port, gateway.widget_port):
            while True:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except ConnectionRefusedError:
                    break
                writer.close()
                await asyncio.sleep(0.02)


async def light_up(gateway: Gateway) -> ClientConnection:
    """Connect both devices, and return the widget once its light is right."""
    widget = await connect_device(gateway.widget_url("wABCD"))
    async with connect_device(gateway.charger_url("c1234")) as charger:
        await charger.send(reading(100))
        assert await received(widget) == CHARGED
    return widget


@WORKERS
async def test_the_drain_begins_by_itself_but_not_before_it_has_left(
    hub: StartHub, workers: str
) -> None:
    gateway = await gateway_that_leaves(hub, "2", workers)
    widget = await light_up(gateway)
    asked_at = time.monotonic()
    send_signal(gateway.process.pid, signal.SIGTERM)
    assert await close_code(widget) == 1001
    assert time.monotonic() - asked_at > 1.9  # timers are not exact
    await until_it_takes_none(gateway)
    assert await gateway.process.wait() == 0
    gateway.process.kill()  # its end was expected


@WORKERS
async def test_new_devices_get_in_and_their_lights_until_a_second_signal_ends_the_leaving(
    hub: StartHub, workers: str
) -> None:
    gateway = await gateway_that_leaves(hub, LONG, workers)
    send_signal(gateway.process.pid, signal.SIGINT)
    await until_it_wants_no_devices(gateway)
    widget = await light_up(gateway)
    ending = asyncio.create_task(gateway.process.terminate())
    assert await close_code(widget) == 1001
    assert await ending == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")
async def test_a_signal_to_the_whole_group_is_one_signal(hub: StartHub) -> None:
    # So do terminals, and systemd: each worker gets it, and the parent's own besides.
    gateway = await gateway_that_leaves(hub, LONG, "2")
    for pid in children_of(gateway.process.pid):
        send_signal(pid, signal.SIGTERM)
    send_signal(gateway.process.pid, signal.SIGTERM)
    await until_it_wants_no_devices(gateway)
    for _ in range(5):
        await (await light_up(gateway)).close()
    assert "draining" not in gateway.process.log_text()
    assert await gateway.process.terminate() == 0
