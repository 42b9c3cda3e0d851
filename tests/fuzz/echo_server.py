"""The gateway's own connection code as an echo server, and the library's to compare with.

Only for the conformance run: it wants an echo of messages far larger than a device may
send, and of binary ones.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from unittest import mock

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from services.gateway.chargers.charger_connection import JSON_CHARGERS
from services.gateway.connection import handshake
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.settings import GatewaySettings

HOST = "127.0.0.1"
PATH = "/echo/"
_MOST_BYTES = 32 * 1024 * 1024
"""More than the largest message of the test suite (16 MiB)."""
_MOST_FRAGMENTS = 1_000_000
_NO_LIMIT = 1 << 50


class EchoConnection(DeviceConnection):
    """Takes binary messages too; all else is as in a gateway."""

    def _receive_frame(self, frame: Frame) -> None:
        # A gateway takes only text. What becomes of fragments is the same for both.
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self.is_binary = frame.opcode is Opcode.BINARY
            frame = Frame(Opcode.TEXT, frame.data, frame.fin)
        super()._receive_frame(frame)


class EchoHandler(DeviceHandler):
    """Sends back what it gets."""

    connection: EchoConnection

    def on_message(self, message: bytes) -> None:
        """Send it back; as in a gateway, text is decoded first."""
        connection = self.connection
        is_binary = getattr(connection, "is_binary", False)
        if not is_binary:
            message.decode()
        if self.is_open:
            websocket = connection.websocket
            send = websocket.send_binary if is_binary else websocket.send_text
            send(message)
            connection._write_pending()
        connection.is_binary = False


_ENDPOINT = Endpoint(replace(JSON_CHARGERS, paths=(PATH,)), EchoHandler, lambda *_: None)


@contextlib.asynccontextmanager
async def gateway_echo() -> AsyncIterator[int]:
    """Serve with the gateway's code on a free port, with larger limits; yield the port."""
    settings = GatewaySettings.model_validate(
        {"bytes_per_second": _NO_LIMIT, "burst_bytes": _NO_LIMIT}
    )
    context = ConnectionContext(settings)
    larger = mock.patch.multiple(
        "services.gateway.connection.websocket_protocol",
        MAX_MESSAGE_BYTES=_MOST_BYTES,
        MAX_FRAGMENTS=_MOST_FRAGMENTS,
    )
    echoing = mock.patch.object(handshake, "DeviceConnection", EchoConnection)
    with larger, echoing:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: handshake.Handshake(context, _ENDPOINT), HOST, 0)
        wheel = asyncio.create_task(context.wheel.run(), name="timers")
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
