"""Connections as the gateway has them, with the device at their far end, and what it was told."""

from collections.abc import Callable
from dataclasses import dataclass

from websockets.frames import Opcode

from services.gateway.chargers.charger_connection import ChargerConnection, ChargerEvents
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.widgets.widget_connection import WidgetConnection, WidgetEvents
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import Revision, StatusDoorbell
from tests.unit.gateway.fake_device import FakeDevice, frame_of, head_of, reading_of

STATUS_OF = {
    10: ChargingStatus.CHARGING,
    85: ChargingStatus.CHARGING80,
    100: ChargingStatus.CHARGED,
}
"""The levels that chargers report here, and what they call for."""


@dataclass(eq=False)
class Reading:
    """A reading as the device knows it."""

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

    def __init__(
        self,
        charger: str,
        gate: ConnectionContext,
        intake: ChargerEvents,
        partitions: int,
        on_receipt: Callable[["ChargerLine", int], None],
    ) -> None:
        self.charger = charger
        self.readings: list[Reading] = []
        self.is_asked = False
        self.connection: _ChargerConnection
        connection = _ChargerConnection(gate, intake, partitions)
        connection.line, connection.on_receipt = self, on_receipt
        super().__init__(connection)
        self.send(head_of(f"/chargers/{charger}"))

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


class _ChargerConnection(ChargerConnection):
    line: ChargerLine
    on_receipt: Callable[[ChargerLine, int], None]

    def pong(self, payload: bytes) -> None:
        if self.is_open:
            self.on_receipt(self.line, int(payload))
        super().pong(payload)

    def ping(self, payload: bytes) -> None:
        self.line.is_asked = self.is_open
        super().ping(payload)


class WidgetLine(Line):
    """A widget that is connected, or was, and everything it was told on this connection."""

    def __init__(
        self,
        widget: str,
        gate: ConnectionContext,
        audience: WidgetEvents,
        least_pairing: int,
        on_shown: Callable[["WidgetLine", StatusDoorbell], None],
    ) -> None:
        self.widget = widget
        self.least_pairing = least_pairing
        """The pairing that was in effect when it connected: it must show nothing older."""
        self.shown: list[StatusDoorbell] = []
        self.connection: _WidgetConnection
        connection = _WidgetConnection(gate, audience)
        connection.line, connection.on_shown = self, on_shown
        super().__init__(connection)
        self.send(head_of(f"/widgets/{widget}"))


class _WidgetConnection(WidgetConnection):
    """Notes what stands behind each light: a device is told only its colour."""

    line: WidgetLine
    on_shown: Callable[[WidgetLine, StatusDoorbell], None]
    _showing: StatusDoorbell

    def show(self, status: StatusDoorbell) -> None:
        self._showing = status
        super().show(status)

    def send_frame(self, frame: bytes) -> None:
        super().send_frame(frame)
        self.on_shown(self.line, self._showing)
        self.line.shown.append(self._showing)
