"""A widget's connection: what it shows, and never anything older."""

from typing import Final, Protocol

from websockets.frames import Frame, Opcode

from services.gateway import metrics
from services.gateway.chargers.readings import BadFrameError
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import Connection
from shared.contract.device_protocol import (
    CHARGING_STATUS_EVENT,
    WIDGET_PATHS,
    ChargingStatus,
    ErrorCode,
)
from shared.contract.doorbells import StatusDoorbell
from shared.contract.presence import RejectionCode


def status_message(status: ChargingStatus) -> bytes:
    """Return the message for a widget, byte for byte as the protocol fixes it."""
    return f'{{"event":"{CHARGING_STATUS_EVENT}","data":{{"status":"{status}"}}}}'.encode()


_FRAMES: Final = {
    status: Frame(Opcode.TEXT, status_message(status)).serialize(mask=False)
    for status in ChargingStatus
}


class WidgetEvents(Protocol):
    """Who keeps widgets informed (`services.gateway.widgets.widgets.Widgets`)."""

    def joined(self, widget: "WidgetConnection") -> None:
        """A widget connected and needs its status."""

    def left(self, widget: "WidgetConnection") -> None:
        """A widget's connection ended."""


class WidgetConnection(Connection):
    """What one connection of a widget was told.

    Attributes:
        pairing: Number of the pairing it shows statuses of; None before its snapshot.
    """

    __slots__ = ("_audience", "_delayed", "_fence", "pairing")

    def __init__(self, gate: ConnectionContext, audience: WidgetEvents) -> None:
        doorkeeper = gate.doorkeeper
        super().__init__(gate, WIDGET_PATHS, doorkeeper.authenticate_widget if doorkeeper else None)
        self._audience = audience
        self._fence: tuple[int, int, int, int] = (0, 0, 0, 0)
        self._delayed: StatusDoorbell | None = None
        self.pairing: int | None = None

    def opened(self) -> None:
        """Ask for the status there is."""
        metrics.WIDGETS.inc()
        self._audience.joined(self)

    def lost(self) -> None:
        """Leave."""
        metrics.WIDGETS.dec()
        self._audience.left(self)

    def message_received(self, message: bytes) -> None:  # noqa: ARG002 - whatever it is
        """Refuse: widgets only listen."""
        raise BadFrameError(ErrorCode.UNEXPECTED, "a widget only listens")

    def rejected(self, code: RejectionCode, message: str) -> None:
        """Note it for whoever asks about this widget."""
        self._gate.rejections.of_widget(self.device_id, code, message)

    def show(self, status: StatusDoorbell) -> None:
        """Send a status, unless it is not newer than the last one or of another pairing.

        A widget that does not read gets only the newest one, once it reads again:
        nothing piles up for it.
        """
        if status.pairing != self.pairing or status.fence <= self._fence:
            return
        self._fence = status.fence
        if not self.writable:
            self._delayed = status
        elif self.is_open:
            metrics.STATUSES.value += 1
            self.send_frame(_FRAMES[status.data.status])

    def drained(self) -> None:
        """Send what was held back."""
        delayed, self._delayed = self._delayed, None
        if delayed is not None and self.is_open:
            metrics.STATUSES.value += 1
            self.send_frame(_FRAMES[delayed.data.status])
