"""A widget's connection: what it shows, and never anything older."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn, Protocol

from websockets.frames import Frame, Opcode

from services.gateway import metrics
from services.gateway.auth.authenticator import Authenticate
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import BadFrameError, Dialect, json_error_event
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.limits.per_id import LimitsPerId
from services.gateway.presence.rejections import Rejections
from shared.contract.device_protocol import (
    CHARGING_STATUS_EVENT,
    WIDGET_PATHS,
    ChargingStatus,
    CloseCode,
    ErrorCode,
)
from shared.contract.devices import Kind
from shared.contract.doorbells import StatusDoorbell


def status_message(status: ChargingStatus) -> bytes:
    """Return the message for a widget, byte for byte as the protocol fixes it."""
    return f'{{"event":"{CHARGING_STATUS_EVENT}","data":{{"status":"{status}"}}}}'.encode()


_FRAMES: Final = {
    status: Frame(Opcode.TEXT, status_message(status)).serialize(mask=False)
    for status in ChargingStatus
}


_TEXT_PING: Final = re.compile(
    rb'\s*(?:ping|"ping"|\{\s*"(?:event|type)"\s*:\s*"ping"\s*\})\s*', re.IGNORECASE
)
"""How libraries and old firmware say that they are there: `ping`, perhaps as JSON."""


def _refuse_any(message: bytes) -> NoReturn:
    if _TEXT_PING.fullmatch(message):
        text = "a widget only listens; for a sign of life send a ping frame (opcode 0x9)"
        raise BadFrameError(ErrorCode.UNEXPECTED, text, is_harmless=True)
    raise BadFrameError(ErrorCode.UNEXPECTED, "a widget only listens")


JSON_WIDGETS: Final = Dialect(WIDGET_PATHS, _refuse_any, json_error_event)


class WidgetEvents(Protocol):
    """Keeps widgets informed (`services.gateway.widgets.widgets.Widgets`)."""

    def on_connected(self, widget: "WidgetConnection") -> None:
        """A widget connected and needs its status."""

    def on_disconnected(self, widget: "WidgetConnection") -> None:
        """A widget's connection ended."""


def widget_endpoint(
    events: WidgetEvents,
    rejections: Rejections,
    authenticate: Authenticate | None = None,
    limits: LimitsPerId[DeviceConnection] | None = None,
) -> Endpoint:
    """Return the endpoint of widgets."""
    return Endpoint(
        JSON_WIDGETS,
        lambda connection, device_id: WidgetConnection(connection, device_id, events),
        rejections.of_widget,
        authenticate,
        partial(rejections.refused.note, Kind.WIDGET),
        limits or LimitsPerId(),
    )


@dataclass(slots=True, eq=False, repr=False)
class WidgetConnection(DeviceHandler):
    """What one connection of a widget was told."""

    connection: DeviceConnection
    device_id: str
    events: WidgetEvents
    pairing: int | None = None
    """Number of the pairing it shows statuses of; None before its snapshot."""
    _fence: tuple[int, int, int, int] = (0, 0, 0, 0)
    _delayed: StatusDoorbell | None = None

    def on_open(self) -> None:
        """Ask for the status there is."""
        metrics.WIDGETS.inc()
        metrics.WIDGET_HANDSHAKES.inc()
        self.events.on_connected(self)

    def on_lost(self) -> None:
        """Report the end."""
        metrics.WIDGETS.dec()
        self.events.on_disconnected(self)

    def close_surplus(self) -> None:
        """Close: there are newer connections of this widget, as many as it may have."""
        self.close(CloseCode.POLICY, "too many connections of this widget")

    def on_message(self, message: bytes) -> None:
        """Refuse it."""
        self.connection.dialect.decode(message)

    def show(self, status: StatusDoorbell) -> bool:
        """Send a status, unless it is of another pairing or not newer than the last one.

        One that replaces the last one counts as newer.

        A widget that does not read gets only the newest one, once it reads again:
        nothing piles up for it.

        Returns:
            Whether it was written to the socket.
        """
        if status.pairing != self.pairing or not self._is_newer(status):
            return False
        self._fence = status.fence
        if not self.connection.writable:
            self._delayed = status
        elif self.connection.is_open:
            metrics.STATUSES.value += 1
            self.connection.send_frame(_FRAMES[status.data.status])
            return True
        return False

    def _is_newer(self, status: StatusDoorbell) -> bool:
        return status.fence > self._fence or status.replaces == self._fence[1:3]

    def on_writable(self) -> None:
        """Send what was held back."""
        delayed, self._delayed = self._delayed, None
        if delayed is not None and self.is_open:
            metrics.STATUSES.value += 1
            self.connection.send_frame(_FRAMES[delayed.data.status])
