"""A widget: connects and shows the charging status the hub sends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from websockets.asyncio.client import ClientConnection

from services.simulator.devices import messages
from services.simulator.devices.disconnect_reason import Device
from services.simulator.devices.reconnect import Connected, Disconnected, Pace, stay_connected
from shared.contract.device_protocol import WIDGET_PATHS, ChargingStatus


@dataclass(frozen=True, slots=True)
class Lit:
    """The hub sent a charging status; the widget shows it."""

    status: ChargingStatus


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The hub sent something a widget does not know; the light stays."""

    message: str


WidgetEvent = Connected | Disconnected | Lit | NotUnderstood


class Widget:
    """One widget as a client of the hub, by the rules for firmware.

    Its light goes out with the connection and stays dark until the first
    status on the next one: a light that cannot be corrected may be wrong, and
    after a changed pairing it would be another visitor's.

    Args:
        base_url: Where widgets connect, for example ``ws://127.0.0.1:3200``.
        secret: What it presents; empty: nothing.
        pace: Delays between connection attempts.
        notify: Told what happens; must not raise.
    """

    def __init__(
        self,
        widget_id: str,
        base_url: str,
        *,
        pace: Pace,
        secret: str = "",
        notify: Callable[[WidgetEvent], None],
    ) -> None:
        url = f"{base_url.rstrip('/')}{WIDGET_PATHS[0]}{widget_id}"
        self.device = Device("widget", widget_id, url, secret)
        self.connected = False
        self.shown: ChargingStatus | None = None
        self._pace = pace
        self._notify = notify

    async def run(self) -> NoReturn:
        """Stay connected until cancelled."""
        await stay_connected(self.device, self._serve, self._notify, self._pace)

    async def _serve(self, connection: ClientConnection) -> None:
        self.connected = True
        try:
            async for message in connection:
                self._take(message)
        finally:
            self.connected = False
            self.shown = None

    def _take(self, message: str | bytes) -> None:
        try:
            found = messages.read(message)
        except messages.NotUnderstoodError as error:
            self._notify(NotUnderstood(str(error)))
            return
        if isinstance(found, messages.StatusMessage):
            self.shown = found.data.status
            self._notify(Lit(self.shown))
        else:
            self._notify(NotUnderstood(f"{found.data.code}: {found.data.message}"))
