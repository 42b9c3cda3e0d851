"""``chargelight explain`` against a real hub, for what really happens at a booth."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from syrupy.assertion import SnapshotAssertion
from websockets.asyncio.client import ClientConnection

from tests.fixtures.hub import Gateway, Hub, StartHub, connect_device
from tests.integration.cli.conftest import chargelight_at
from tests.integration.hub.booth import close_code, reading, receipt, received

MEASURANDS = "MeterValuesSampledData"
OWN_MEASURANDS = "Energy.Active.Import.Register,Voltage"
BOOT = '[2,"boot","BootNotification",{"chargePointVendor":"Volt","chargePointModel":"One"}]'
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


class EnergyMeter:
    """A charger of OCPP 1.6 that measures energy until it is told otherwise.

    Args:
        device: Its connection.
        status: What it answers to a change; None: it answers nothing at all.

    Attributes:
        measurands: What it measures.
        heard: Ids of answers and names of requests, in order.
    """

    def __init__(self, device: ClientConnection, status: str | None) -> None:
        self.measurands = OWN_MEASURANDS
        self.heard: list[str] = []
        self._device = device
        self._status = status

    async def hear(self, last: str) -> None:
        """Answer the hub's calls up to one."""
        while last not in self.heard:
            kind, message_id, *call = json.loads(await received(self._device))
            self.heard.append(call[0] if kind == 2 else message_id)
            if kind == 2 and self._status is not None:
                result = self._result(*call)
                await self._device.send(json.dumps([3, message_id, result]))

    def _result(self, action: str, payload: dict[str, str]) -> dict[str, object]:
        if action == "GetConfiguration":
            own = {"key": MEASURANDS, "readonly": False, "value": self.measurands}
            return {"configurationKey": [own]}
        if action == "ChangeConfiguration" and self._status == "Accepted":
            self.measurands = payload["value"]
        return {"status": "NotImplemented" if action == "TriggerMessage" else self._status}


@pytest.mark.parametrize(
    ("status", "why", "measurands"),
    [
        ("Accepted", "it has sent none yet", f"{OWN_MEASURANDS},SoC"),
        ("Rejected", f"it cannot be told to ({MEASURANDS}: Rejected)", OWN_MEASURANDS),
        ("RebootRequired", "takes effect when it starts again", OWN_MEASURANDS),
        (None, "it has sent none yet", OWN_MEASURANDS),
    ],
)
async def test_a_charger_that_says_no_level_is_asked_after_its_boot_and_explained(
    running: Hub,
    gateway: Gateway,
    widget: ClientConnection,
    *,
    status: str | None,
    why: str,
    measurands: str,
) -> None:
    assert widget.subprotocol is None
    url = gateway.charger_url("c1234")
    async with connect_device(url, subprotocol="ocpp1.6") as device:
        charger = EnergyMeter(device, status)
        await device.send(BOOT)
        await charger.hear("GetConfiguration" if status is None else "TriggerMessage")
        assert charger.heard[:2] == ["boot", "GetConfiguration"]
        assert charger.measurands == measurands
        reports = "c1234 reports no state of charge: "
        text = await _explained_once(running, "c1234", reports, why, "wABCD is connected")
        (verdict,) = [line for line in text.splitlines() if reports in line]
        assert why in verdict
        assert "ocpp1.6, Volt One" in text
