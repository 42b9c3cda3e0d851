"""Chargers of the package ``ocpp``, which checks both directions, and a conversation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from ocpp import routing, v16, v21, v201
from ocpp.charge_point import ChargePoint

from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Now, Reading, Turn

NOW = Now(1000.0, 1_796_032_800.0)
TIME = "2026-11-30T10:00:00Z"


class Socket:
    """What a charger takes for its WebSocket; the other end is a conversation that is admitted."""

    def __init__(self, version: Version) -> None:
        self._conversation = Conversation(version, 300)
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self.readings: list[Reading] = []
        self._do(self._conversation.on_admitted(None, {}, NOW))

    async def send(self, message: str) -> None:
        self._do(self._conversation.take(message.encode(), NOW))

    async def recv(self) -> str:
        return await self._frames.get()

    def _do(self, turn: Turn) -> None:
        assert not turn.bad
        self.readings += turn.readings
        for frame in (*turn.replies, *turn.calls, *turn.receipts):
            self._frames.put_nowait(frame.decode())


class Settings16(v16.ChargePoint):  # type: ignore[misc] # it has no types
    """A charger of 1.6 that measures energy until it is told otherwise."""

    measurands = "Energy.Active.Import.Register"

    def __init__(self, socket: Socket) -> None:
        super().__init__("c1", socket)
        self.triggered = asyncio.Event()

    @routing.on("GetConfiguration")  # type: ignore[untyped-decorator]
    def on_get(self, **_: Any) -> Any:
        own = {"key": "MeterValuesSampledData", "readonly": False, "value": self.measurands}
        return v16.call_result.GetConfiguration([own], ["MeterValueSampleInterval"])

    @routing.on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def on_change(self, key: str, value: str) -> Any:
        assert key == "MeterValuesSampledData"
        self.measurands = value
        return v16.call_result.ChangeConfiguration("Accepted")

    @routing.on("TriggerMessage")  # type: ignore[untyped-decorator]
    def on_trigger(self, requested_message: str, connector_id: int) -> Any:
        assert (requested_message, connector_id) == ("MeterValues", 1)
        self.triggered.set()
        return v16.call_result.TriggerMessage("Accepted")


def settings_2(package: Any) -> type[Any]:
    """Return a charger of a version of 2.x."""

    class Settings2(package.ChargePoint):  # type: ignore[misc] # it has no types
        """Measures energy until it is told otherwise."""

        def __init__(self, socket: Socket) -> None:
            super().__init__("c1", socket)
            self.measurands = "Energy.Active.Import.Register"
            self.triggered = asyncio.Event()

        @routing.on("GetVariables")  # type: ignore[untyped-decorator]
        def on_get(self, get_variable_data: list[Any], **_: Any) -> Any:
            found = [
                {**each, "attribute_status": "Accepted", "attribute_value": self.measurands}
                for each in get_variable_data
            ]
            return package.call_result.GetVariables(found)

        @routing.on("SetVariables")  # type: ignore[untyped-decorator]
        def on_set(self, set_variable_data: list[Any], **_: Any) -> Any:
            self.measurands = set_variable_data[0].pop("attribute_value")
            assert len(set_variable_data) == 3
            for each in set_variable_data:
                each.pop("attribute_value", None)
            found = [{**each, "attribute_status": "Accepted"} for each in set_variable_data]
            return package.call_result.SetVariables(found)

        @routing.on("TriggerMessage")  # type: ignore[untyped-decorator]
        def on_trigger(self, requested_message: str, evse: Any, **_: Any) -> Any:
            assert (requested_message, evse) == ("MeterValues", {"id": 1})
            self.triggered.set()
            return package.call_result.TriggerMessage("Accepted")

    return Settings2


@contextlib.asynccontextmanager
async def running(charger: ChargePoint) -> AsyncIterator[None]:
    task = asyncio.create_task(charger.start(), name="charger")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_charger_of_1_6_charges_and_lights() -> None:
    socket = Socket(Version.V16)
    charger, call = Settings16(socket), v16.call
    sample = {"timestamp": TIME, "sampled_value": [{"value": "28", "measurand": "SoC"}]}
    async with running(charger), asyncio.timeout(30):
        boot = await charger.call(call.BootNotification("One", "Volt"), suppress=False)
        assert (boot.status, boot.current_time, boot.interval) == ("Accepted", TIME, 300)
        await charger.triggered.wait()
        assert charger.measurands == "Energy.Active.Import.Register,SoC"
        assert (await charger.call(call.Authorize("04E1"))).id_tag_info == {"status": "Accepted"}
        started = await charger.call(call.StartTransaction(2, "04E1", 0, TIME), suppress=False)
        await charger.call(call.MeterValues(1, [sample]), suppress=False)
        stop = call.StopTransaction(5, TIME, started.transaction_id, transaction_data=[sample])
        assert (await charger.call(stop, suppress=False)).id_tag_info == {"status": "Accepted"}
    assert [(each.connector, each.level) for each in socket.readings] == [(1, 28), (2, 28)]


@pytest.mark.parametrize(("version", "package"), [(Version.V201, v201), (Version.V21, v21)])
async def test_a_charger_of_2_x_charges_and_lights(version: Version, package: Any) -> None:
    socket = Socket(version)
    charger, call = settings_2(package)(socket), package.call
    sample = {"timestamp": TIME, "sampled_value": [{"value": 28, "measurand": "SoC"}]}
    station = {"vendor_name": "Volt", "model": "One"}
    info = {"transaction_id": "t1"}
    async with running(charger), asyncio.timeout(30):
        boot = await charger.call(call.BootNotification(station, "PowerUp"), suppress=False)
        assert (boot.status, boot.current_time, boot.interval) == ("Accepted", TIME, 300)
        await charger.triggered.wait()
        assert charger.measurands == "Energy.Active.Import.Register,SoC"
        for more in (
            {"event_type": "Started", "seq_no": 0, "evse": {"id": 2}},
            {"event_type": "Updated", "seq_no": 1, "meter_value": [sample]},
        ):
            event = call.TransactionEvent(
                timestamp=TIME, trigger_reason="Trigger", transaction_info=info, **more
            )
            await charger.call(event, suppress=False)
        await charger.call(call.MeterValues(1, [sample]), suppress=False)
    assert [(each.connector, each.level) for each in socket.readings] == [(2, 28), (1, 28)]
