"""Connections as the gateway has them, with the device at their far end, and what it was told.

What is sent is on its way for as long as the model likes, in both directions: first on the radio,
then in the socket of a gateway that stands still. It stays in order, as bytes on TCP do.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from websockets.frames import Opcode

from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.endpoint import Endpoint
from services.gateway.presence.rejections import Rejections
from services.gateway.widgets.widget_connection import (
    WidgetConnection,
    WidgetEvents,
    widget_endpoint,
)
from shared.contract.device_protocol import ChargingStatus, CloseCode
from shared.contract.doorbells import Revision, StatusDoorbell
from tests.unit.gateway.fake_device import FakeDevice, frame_of, frames_in, head_of, reading_of

STATUS_OF = {
    10: ChargingStatus.CHARGING,
    85: ChargingStatus.CHARGING80,
    100: ChargingStatus.CHARGED,
}
"""The levels that chargers report here, and what they call for."""
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(eq=False)
class Reading:
    line: "ChargerLine"
    sequence: int
    level: int
    moment: int
    """When its first byte was sent, in the model's order of events."""
    acknowledged_at: int | None = None
    faults_at_acknowledgement: int = 0
    """How many faults of Redis had been by then."""

    @property
    def revision(self) -> Revision:
        assert self.line.epoch is not None
        return (self.line.epoch, self.sequence)

    def __str__(self) -> str:
        return f"{self.line.charger} {self.level} % (number {self.sequence} of {self.line})"


class Line(FakeDevice):
    """A device that is connected, or was.

    Attributes:
        is_slow: Whether bytes stay on the radio, both ways, until the model moves them.
        is_open: Whether the device has the answer to its handshake.
    """

    is_gone = False
    is_slow = False
    is_open = False

    def __init__(self, context: ConnectionContext, endpoint: Endpoint, path: str) -> None:
        self.context = context
        self._endpoint = endpoint
        self._path = path
        self._to_gateway: deque[bytes] = deque()
        self._to_device: deque[bytes] = deque()
        self._arrived_at = 0.0

    def connect(self) -> None:
        """Connect, and ask for the handshake."""
        super().__init__(self.context, self._endpoint)
        # By this the gateway's code asks the kernel about a socket.
        self.transport._extra["socket"] = self  # type: ignore[attr-defined]
        self.transport.on_write = self._to_device.append
        self.send(head_of(self._path))

    # What the gateway's kernel says of this socket.

    def unread_bytes(self) -> int:
        return sum(map(len, self._to_gateway))

    def getsockopt(self, *_: int) -> bytes:
        """Return TCP_INFO; all that is read of it is the time since the last bytes, in ms."""
        return struct.pack("=8x44xI", round((self.context.clock() - self._arrived_at) * 1000))

    # Bytes on their way.

    def send(self, data: bytes) -> None:
        self._to_gateway.append(data)
        if not self.is_slow:
            self._arrived_at = self.context.clock()

    @property
    def has_news(self) -> bool:
        return not self.is_gone and bool(self._to_gateway or self._to_device)

    def let_gateway_read(self) -> bool:
        """Let the gateway read what was sent in one piece; return whether there was anything."""
        if self.is_gone or not self._to_gateway or not self.transport.reading:
            return False
        if self.is_slow:
            self._arrived_at = self.context.clock()
        self.deliver(self._to_gateway.popleft())
        return True

    def let_device_read(self) -> bool:
        """Let the device read what was written in one piece; the same."""
        if self.is_gone:
            return False
        if not self._to_device:
            if self.transport.aborted or self.transport.ended:
                self.vanish()
                return True
            return False
        data = self._to_device.popleft()
        if not self.is_open:
            head, _, data = data.partition(_HEAD_END)
            if b" 101 " not in head:
                self.vanish()
                return True
            self.is_open = True
        for frame in frames_in(data):
            self._hear(frame.opcode, frame.payload)
        return True

    def _hear(self, opcode: Opcode, payload: bytes) -> None:
        match opcode:
            case Opcode.PING:
                self.send(frame_of(Opcode.PONG, payload))
            case Opcode.CLOSE:
                self._hear_close(int.from_bytes(payload[:2], "big"))
                self.vanish()

    def _hear_close(self, code: int) -> None:
        """The gateway closes."""

    def vanish(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self._to_gateway.clear()
            self._to_device.clear()
            super().vanish()


class ChargerLine(Line):
    """A charger that is connected, or was; it asks for a receipt of each reading."""

    connection: ChargerConnection

    def __init__(
        self,
        charger: str,
        context: ConnectionContext,
        endpoint: Endpoint,
        on_receipt: Callable[["ChargerLine", int], None],
        on_asked: Callable[["ChargerLine"], None],
    ) -> None:
        self.charger = charger
        self.readings: list[Reading] = []
        self._on_receipt = on_receipt
        self._on_asked = on_asked
        self._rest: bytes = b""
        super().__init__(context, endpoint, f"/chargers/{charger}")

    def __str__(self) -> str:
        return f"connection {self.epoch}"

    @property
    def epoch(self) -> int | None:
        return self.connection.epoch if hasattr(self, "connection") else None

    @property
    def sequence(self) -> int:
        """How many readings the gateway has read."""
        return self.connection.sequence if hasattr(self, "connection") else 0

    def report(self, level: int, moment: int) -> None:
        """Send a reading, and a ping for its receipt."""
        self.finish()
        self._add(level, moment)
        self.send(reading_of(level))
        self._ask_for_receipt()

    def begin(self, level: int, moment: int) -> None:
        """Send the first fragment of a reading; control frames may come before the others."""
        self.finish()
        self._add(level, moment)
        text = b'{"event":"StateOfCharge","data":{"soc":%d}}' % level
        self.send(frame_of(Opcode.TEXT, text[:10], fin=False))
        self._rest = text[10:]

    def finish(self) -> None:
        """Send the rest of a reading that was begun."""
        if self._rest:
            self.send(frame_of(Opcode.CONT, self._rest))
            self._rest = b""
            self._ask_for_receipt()

    def _add(self, level: int, moment: int) -> None:
        self.readings.append(Reading(self, len(self.readings) + 1, level, moment))

    def _ask_for_receipt(self) -> None:
        self.send(frame_of(Opcode.PING, f"to {len(self.readings)}".encode()))

    def _hear(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.PONG:
            self._on_receipt(self, int(payload.removeprefix(b"to ")))
        else:
            super()._hear(opcode, payload)

    def _hear_close(self, code: int) -> None:
        if code == CloseCode.GOING_AWAY:
            self._on_asked(self)


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
        super().__init__(context, endpoint, f"/widgets/{widget}")


class _WidgetConnection(WidgetConnection):
    """Notes what stands behind each light: a device is told only its colour."""

    def __init__(
        self, connection: DeviceConnection, device_id: str, events: WidgetEvents, line: WidgetLine
    ) -> None:
        super().__init__(connection, device_id, events)
        self._line = line

    def show(self, status: StatusDoorbell) -> bool:
        line = self._line
        written = len(line.transport.written)
        is_written = super().show(status)
        if len(line.transport.written) > written:
            line.on_shown(line, status)
            line.shown.append(status)
        return is_written
