"""The gateway's own connection code as an echo server, and the library's to compare with.

Only for the conformance run: it wants an echo of messages far larger than a device may
send, and of binary ones.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from unittest import mock

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import Connection
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.settings import GatewaySettings

HOST = "127.0.0.1"
PATH = "/echo/"
_MOST_BYTES = 32 * 1024 * 1024
"""More than the largest message of the test suite (16 MiB)."""
_MOST_FRAGMENTS = 1_000_000
_NO_LIMIT = 1 << 50


class EchoConnection(Connection):
    """Sends back what it gets; all else is as in a gateway.

    Args:
        gate: What connections share.
    """

    def __init__(self, gate: ConnectionContext) -> None:
        super().__init__(gate, (PATH,), None)
        self._is_binary = False

    def opened(self) -> None:
        """There is nothing to do."""

    def lost(self) -> None:
        """There is nothing to do."""

    def _frame_received(self, frame: Frame) -> None:
        # A gateway takes only text. What becomes of fragments is the same for both.
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._is_binary = frame.opcode is Opcode.BINARY
            frame = Frame(Opcode.TEXT, frame.data, frame.fin)
        super()._frame_received(frame)

    def message_received(self, message: bytes) -> None:
        """Send it back; as in a gateway, text is decoded first."""
        if not self._is_binary:
            message.decode()
        if self.is_open:
            send = self.websocket.send_binary if self._is_binary else self.websocket.send_text
            send(message)
            self._write_pending()
        self._is_binary = False


@contextlib.asynccontextmanager
async def gateway_echo() -> AsyncIterator[int]:
    """Serve with the gateway's code on a free port, with larger limits; yield the port."""
    settings = GatewaySettings.model_validate(
        {"bytes_per_second": _NO_LIMIT, "burst_bytes": _NO_LIMIT}
    )
    gate = ConnectionContext(settings, TimerWheel(time.monotonic), time.monotonic)
    larger = mock.patch.multiple(
        "services.gateway.connection.websocket_protocol",
        MAX_MESSAGE_BYTES=_MOST_BYTES,
        MAX_FRAGMENTS=_MOST_FRAGMENTS,
    )
    with larger:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: EchoConnection(gate), HOST, 0)
        wheel = asyncio.create_task(gate.wheel.run(), name="timers")
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            wheel.cancel()
            server.close()


@contextlib.asynccontextmanager
async def library_echo() -> AsyncIterator[int]:
    """Serve with the library alone, as its documentation does it; yield the port."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, HOST, 0, compression=None, max_size=_MOST_BYTES) as server:
        yield server.sockets[0].getsockname()[1]


SERVERS = {"gateway": gateway_echo, "library": library_echo}
