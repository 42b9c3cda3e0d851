"""Chargers of the package ``ocpp``, connected to a gateway: it checks all that the hub sends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp import routing, v16, v21, v201
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from services.gateway.ocpp.negotiation import Version
from tests.integration.hub.booth import SOON, Booth

_PACKAGES: dict[Version, Any] = {Version.V16: v16, Version.V201: v201, Version.V21: v21}


def soc_message(message_id: str, level: float, connector: int = 1) -> str:
    """Return a message of 1.6 that reports a level of now; the package sends one at a time."""
    value = {"measurand": "SoC", "value": str(level)}
    sample = {"timestamp": datetime.now(UTC).isoformat(), "sampledValue": [value]}
    payload = {"connectorId": connector, "meterValue": [sample]}
    return json.dumps([2, message_id, "MeterValues", payload])


def status_message(state: str, connector: int = 1) -> str:
    """Return a message of 1.6 that tells the state of a connector."""
    payload = {"connectorId": connector, "errorCode": "NoError", "status": state}
    return json.dumps([2, "status", "StatusNotification", payload])


class OcppCharger:
    """What a test has a charger say.

    Args:
        version: Of OCPP.
        device: Its connection.
        level: What it says when it is asked, in percent; None: it knows no triggers.
        behind: How far its clock is behind.

    Attributes:
        commanded: What it was told to do.
        obeys: What it answers to that; None: nothing.
    """

    def __init__(
        self,
        version: Version,
        device: ClientConnection,
        *,
        level: float | None = None,
        behind: timedelta = timedelta(),
    ) -> None:
        self.version = version
        self.device = device
        self.behind = behind
        self.commanded: list[str] = []
        self.obeys: str | None = "Accepted"
        self._package = _PACKAGES[version]
        self._point = self._charge_point(level)
        self._asked: set[asyncio.Task[None]] = set()

    def _charge_point(self, level: float | None) -> Any:
        package, charger = self._package, self
        base: Any = package.ChargePoint

        class ChargePoint(base):  # type: ignore[misc] # it has no types
            """Says its level when it is asked, if it can."""

            @routing.on("TriggerMessage")  # type: ignore[untyped-decorator]
            def on_trigger(self, requested_message: str, **_: Any) -> Any:
                assert requested_message == "MeterValues"
                status = "NotImplemented" if level is None else "Accepted"
                return package.call_result.TriggerMessage(status)

            @routing.after("TriggerMessage")  # type: ignore[untyped-decorator]
            def after_trigger(self, **_: Any) -> None:
                if level is not None:
                    say = charger.report(level, context="Trigger")
                    task = asyncio.get_running_loop().create_task(say)
                    charger._asked.add(task)
                    task.add_done_callback(charger._asked.discard)

            @routing.on("Reset")  # type: ignore[untyped-decorator]
            async def on_reset(self, **_: Any) -> Any:
                return await charger.obey("Reset")

            @routing.on("UnlockConnector")  # type: ignore[untyped-decorator]
            async def on_unlock(self, connector_id: int, evse_id: int | None = None) -> Any:
                return await charger.obey("UnlockConnector", evse_id or connector_id)

        return ChargePoint("c1234", self.device, response_timeout=SOON)

    async def obey(self, action: str, connector: int | None = None) -> Any:
        """Note what it is told to do, and answer."""
        self.commanded.append(action if connector is None else f"{action} {connector}")
        if self.obeys is None:
            await asyncio.Event().wait()
        return getattr(self._package.call_result, action)(self.obeys)

    async def boot(self) -> Any:
        call = self._package.call.BootNotification
        if self.version is Version.V16:
            return await self.call(call("One", "Volt"))
        return await self.call(call({"vendor_name": "Volt", "model": "One"}, "PowerUp"))

    async def heartbeat(self) -> None:
        await self.call(self._package.call.Heartbeat())

    def time(self, ago: timedelta = timedelta()) -> str:
        """Return a time by the charger's clock."""
        return (datetime.now(UTC) - self.behind - ago).isoformat()

    async def report(
        self,
        level: float,
        *,
        connector: int = 1,
        ago: timedelta = timedelta(),
        context: str | None = None,
    ) -> None:
        """Say a level that was sampled some time ago; return with the receipt."""
        value: dict[str, Any] = {"measurand": "SoC"}
        value |= {"context": context} if context else {}
        # 1.6 has texts, 2.x has numbers.
        value["value"] = str(level) if self.version is Version.V16 else level
        sample = {"timestamp": self.time(ago), "sampled_value": [value]}
        await self.call(self._package.call.MeterValues(connector, [sample]))

    async def start(self) -> int:
        """Start a transaction of 1.6 at connector 1; return its id. Always the same request."""
        call = self._package.call.StartTransaction(1, "04E1", 0, "2026-11-30T10:00:00Z")
        started: int = (await self.call(call)).transaction_id
        return started

    async def event(
        self, kind: str, *samples: tuple[float, str], transaction: str = "t1", evse: int | None
    ) -> None:
        """Send an event of a transaction of 2.x; of each sample the level and its context."""
        values = [
            {
                "timestamp": self.time(timedelta(seconds=len(samples) - place)),
                "sampled_value": [{"measurand": "SoC", "value": level, "context": context}],
            }
            for place, (level, context) in enumerate(samples, 1)
        ]
        call = self._package.call.TransactionEvent(
            event_type=kind,
            timestamp=self.time(),
            trigger_reason="Trigger",
            seq_no=0,
            transaction_info={"transaction_id": transaction},
            evse=None if evse is None else {"id": evse},
            meter_value=values or None,
        )
        await self.call(call)

    async def call(self, request: Any) -> Any:
        return await self._point.call(request, suppress=False)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear what the hub says."""
        task = asyncio.create_task(self._point.start(), name="charger")
        try:
            yield
        finally:
            for asked in (task, *self._asked):
                asked.cancel()
                # A superseded one was closed.
                with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                    await asked


@contextlib.asynccontextmanager
async def ocpp_charger(
    booth: Booth, version: Version, charger_id: str = "c1234", **more: Any
) -> AsyncIterator[OcppCharger]:
    """Connect a charger that hears what the hub says."""
    async with booth.charger(charger_id, subprotocol=version) as device:
        charger = OcppCharger(version, device, **more)
        async with charger.running():
            yield charger
