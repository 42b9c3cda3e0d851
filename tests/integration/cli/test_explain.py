"""``chargelight explain`` against a real hub, for what really happens at a booth."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from syrupy.assertion import SnapshotAssertion
from websockets.asyncio.client import ClientConnection

from tests.fixtures.hub import Gateway, Hub, StartHub, connect_device
from tests.integration.cli.conftest import chargelight_at
from tests.integration.hub.booth import close_code, reading, receipt, received

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")
REVISION = re.compile(r"\d{16}/")
SOON_SECONDS = 20.0


@pytest.fixture
async def running(hub: StartHub) -> Hub:
    """A hub with c1234 and wABCD as a pair; its instances have names of their own."""
    hub_ = await hub(gateways=0, routers=0)
    hub_.start_router({"CHARGELIGHT_INSTANCE_ID": "router-1"})
    hub_.start_gateway({"CHARGELIGHT_INSTANCE_ID": "gateway-1"})
    await hub_.ready()
    await hub_.register(("c1234", "wABCD"))
    return hub_


@pytest.fixture
def gateway(running: Hub) -> Gateway:
    return running.gateways[0]


@pytest.fixture
async def widget(gateway: Gateway) -> AsyncIterator[ClientConnection]:
    async with connect_device(gateway.widget_url("wABCD")) as device:
        yield device


@pytest.fixture
async def charger(gateway: Gateway) -> AsyncIterator[ClientConnection]:
    async with connect_device(gateway.charger_url("c1234")) as device:
        yield device


async def _explained(running: Hub, device_id: str, *options: str) -> str:
    """What an operator reads, without what differs from run to run."""
    ran = await chargelight_at(running.registry_url)("explain", device_id, *options)
    assert ran.code == 0
    text = TIME.sub("TIME", ran.output)
    return REVISION.sub("EPOCH/", text)


async def _explained_once(running: Hub, device_id: str, *facts: str) -> str:
    """The explanation, as soon as it tells these facts: presence is told a moment later."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            text = await _explained(running, device_id)
            if all(fact in text for fact in facts):
                return text


async def test_one_that_nobody_registered(running: Hub, snapshot: SnapshotAssertion) -> None:
    assert await _explained(running, "c9999") == snapshot
    assert await _explained(running, "w9999", "--widget") == snapshot


async def test_one_that_is_not_paired(running: Hub, snapshot: SnapshotAssertion) -> None:
    await running.unpair("c1234")
    assert await _explained(running, "c1234") == snapshot


async def test_a_pair_that_is_fine(
    running: Hub,
    charger: ClientConnection,
    widget: ClientConnection,
    snapshot: SnapshotAssertion,
) -> None:
    await charger.send(reading(85))
    await receipt(charger)
    assert "charging80" in await received(widget)
    facts = ("c1234 is connected", "wABCD is connected", "yellow")
    assert await _explained_once(running, "c1234", *facts) == snapshot
    assert await _explained(running, "wABCD", "--widget") == snapshot


async def test_a_widget_that_is_offline(
    running: Hub,
    charger: ClientConnection,
    widget: ClientConnection,
    snapshot: SnapshotAssertion,
) -> None:
    await charger.send(reading(100))
    assert "charged" in await received(widget)
    await _explained_once(running, "c1234", "wABCD is connected", "c1234 is connected")
    await widget.close()
    assert await _explained_once(running, "c1234", "wABCD is offline") == snapshot


async def test_a_charger_whose_older_connection_still_speaks(
    running: Hub,
    gateway: Gateway,
    charger: ClientConnection,
    widget: ClientConnection,
    snapshot: SnapshotAssertion,
) -> None:
    await charger.send(reading(20))
    await receipt(charger)
    assert "charging" in await received(widget)
    async with connect_device(gateway.charger_url("c1234")) as newer:
        await newer.send(reading(30))
        await receipt(newer)
        await charger.send(reading(99))
        assert await close_code(charger) == 4409
        facts = ("superseded", "c1234 is connected", "wABCD is connected", "30 %")
        assert await _explained_once(running, "c1234", *facts) == snapshot


async def test_a_charger_whose_last_frame_was_bad(
    running: Hub,
    charger: ClientConnection,
    widget: ClientConnection,
    snapshot: SnapshotAssertion,
) -> None:
    await charger.send(reading(20))
    await receipt(charger)
    assert "charging" in await received(widget)
    await charger.send(reading(101))
    assert "out_of_range" in await received(charger)
    facts = ("out_of_range", "c1234 is connected", "wABCD is connected", "red")
    assert await _explained_once(running, "c1234", *facts) == snapshot
