"""Connections as the gateway has them, with the device at their far end, and what it was told."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from websockets.frames import Opcode

from services.gateway.chargers.charger_connection import (
    ChargerConnection,
    ChargerEvents,
    charger_endpoint,
)
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.presence.rejections import Rejections
from services.gateway.widgets.widget_connection import (
    WidgetConnection,
    WidgetEvents,
    widget_endpoint,
)
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import Revision, StatusDoorbell
from tests.unit.gateway.fake_device import FakeDevice, frame_of, frames_in, head_of, reading_of

STATUS_OF = {
    10: ChargingStatus.CHARGING,
    85: ChargingStatus.CHARGING80,
    100: ChargingStatus.CHARGED,
}
"""The levels that chargers report here, and what they call for."""


@dataclass(eq=False)
class Reading:
    line: "ChargerLine"
    sequence: int
    level: int
    moment: int
    """When the gateway received it, in the model's order of events."""
    acknowledged_at: int | None = None
    faults_at_acknowledgement: int = 0
    """How many faults of Redis had been by then."""
    was_floor: bool = False
    """Whether it became the floor for a reason that the design names."""

    @property
    def revision(self) -> Revision:
        assert self.line.connection.epoch is not None
        return (self.line.connection.epoch, self.sequence)

    def __str__(self) -> str:
        return f"{self.line.charger} {self.level} % (revision {self.revision})"


class Line(FakeDevice):
    """A device that is connected, or was."""

    is_gone = False

    def vanish(self) -> None:
        self.is_gone = True
        super().vanish()


class ChargerLine(Line):
    """A charger that is connected, or was; it asks for a receipt of each reading."""

    connection: ChargerConnection

    def __init__(
        self,
        charger: str,
        context: ConnectionContext,
        events: ChargerEvents,
        partitions: int,
        on_receipt: Callable[["ChargerLine", int], None],
    ) -> None:
        self.charger = charger
        self.readings: list[Reading] = []
        self.is_asked = False
        self._on_receipt = on_receipt
        super().__init__(context, charger_endpoint(events, partitions, Rejections()))
        self.send(head_of(f"/chargers/{charger}"))
        self.transport.on_write = self._hear

    def report(self, level: int, moment: int) -> None:
        before = self.connection.sequence
        self.send(reading_of(level))
        if self.connection.sequence > before:
            self.readings.append(Reading(self, self.connection.sequence, level, moment))
            self.send(frame_of(Opcode.PING, str(self.connection.sequence).encode()))

    def answer_ping(self) -> None:
        """Answer the gateway's question whether it is there."""
        self.is_asked = False
        self.send(frame_of(Opcode.PONG, b"alive?"))

    def _hear(self, data: bytes) -> None:
        for frame in frames_in(data):
            if frame.opcode is Opcode.PONG:
                self._on_receipt(self, int(frame.payload))
            elif frame.opcode is Opcode.PING:
                self.is_asked = True


class WidgetLine(Line):
    """A widget that is connected, or was, and everything it was told on this connection."""

    connection: WidgetConnection

    def __init__(
        self,
        widget: str,
        context: ConnectionContext,
        events: WidgetEvents,
        least_pairing: int,
        on_shown: Callable[["WidgetLine", StatusDoorbell], None],
    ) -> None:
        self.widget = widget
        self.least_pairing = least_pairing
        """The pairing that was in effect when it connected: it must show nothing older."""
        self.shown: list[StatusDoorbell] = []
        self.on_shown = on_shown
        endpoint = replace(
            widget_endpoint(events, Rejections()),
            handler=lambda connection, device_id: _WidgetConnection(
                connection, device_id, events, self
            ),
        )
        super().__init__(context, endpoint)
        self.send(head_of(f"/widgets/{widget}"))


class _WidgetConnection(WidgetConnection):
    """Notes what stands behind each light: a device is told only its colour."""

    def __init__(
        self, connection: DeviceConnection, device_id: str, events: WidgetEvents, line: WidgetLine
    ) -> None:
        super().__init__(connection, device_id, events)
        self._line = line

    def show(self, status: StatusDoorbell) -> None:
        line = self._line
        written = len(line.transport.written)
        super().show(status)
        if len(line.transport.written) > written:
            line.on_shown(line, status)
            line.shown.append(status)
