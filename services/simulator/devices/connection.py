"""One connection to the hub that notices when the other end is gone."""

import asyncio
import base64
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from services.simulator.devices.disconnect_reason import Device

PING_INTERVAL_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 15.0
"""After this long without a single byte from the hub the connection counts as lost."""

HANDSHAKE_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0


class WatchedConnection(ClientConnection):
    """A connection that ends itself once the hub has been silent for too long.

    Any byte counts as a sign of life, not only a pong: the hub holds pongs back
    while it cannot store readings. A charger that closed its connection for that
    would hide whether the hub recovers by itself.
    """

    silence_seconds = SILENCE_SECONDS
    fell_silent = False
    _heard_at = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start listening, and watching."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take note of a sign of life."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        left = self._heard_at + self.silence_seconds - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(left, self._watch)
            return
        self.fell_silent = True
        # No closing handshake: the hub would not answer it.
        self.transport.abort()


class _ConnectToHub(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow no redirect, as firmware: it may lead away from the hub."""
        return exc


def dial(device: Device) -> connect:
    """Connect as a device does: directly, uncompressed, pinging the hub.

    A device with a secret presents it (RFC 6750; with OCPP, RFC 7617).
    """
    secret, subprotocol = device.secret, device.subprotocol
    how = f"Bearer {secret}"
    if subprotocol:
        user = f"{device.device_id}:{secret}".encode()
        how = f"Basic {base64.b64encode(user).decode()}"
    return _ConnectToHub(
        device.url,
        additional_headers={"Authorization": how} if secret else None,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
        compression=None,
        proxy=None,
        open_timeout=HANDSHAKE_SECONDS,
        close_timeout=CLOSE_SECONDS,
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=None,  # `WatchedConnection` decides
        create_connection=WatchedConnection,
    )
