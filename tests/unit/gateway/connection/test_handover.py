"""A transport changes from the handshake to the device connection, in both event loops."""

import asyncio
import gc
from collections.abc import Callable
from typing import Self

import pytest
import uvloop
from websockets.frames import Opcode

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import Dialect, json_error_event
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.connection.handshake import Handshake
from services.gateway.settings import GatewaySettings
from tests.unit.gateway.connection.parts import names_of_new, parts_of_connections
from tests.unit.gateway.fake_device import frame_of, head_of, reading_of

MOST = 1 << 20
"""More than what sockets hold."""


class Flooding(DeviceHandler):
    """Sends more than a device reads at once, on each message."""

    def on_message(self, message: bytes) -> None:
        self.connection.send_frame(bytes(MOST) + message)


class Gateway:
    """An endpoint on a real socket."""

    def __init__(self) -> None:
        self.context = ConnectionContext(GatewaySettings.model_validate({}))
        self.handlers: list[DeviceHandler] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        def handler(connection: DeviceConnection, device_id: str) -> DeviceHandler:
            self.handlers.append(Flooding(connection, device_id))
            return self.handlers[-1]

        dialect = Dialect(("/things/",), lambda _: 0.0, json_error_event)
        endpoint = Endpoint(dialect, handler, lambda *_: None)
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Handshake(self.context, endpoint), "127.0.0.1", 0
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        # uvloop waits for ever for a transport that is open when the loop closes.
        for writer in self._writers:
            writer.transport.abort()
        self.server.close()
        await self.server.wait_closed()
        await asyncio.sleep(0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self.server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(writer)
        return reader, writer


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.001)


async def frames_before_and_after_it_are_heard() -> None:
    async with Gateway() as gateway:
        reader, writer = await gateway.connect()
        writer.write(head_of("/things/t1") + frame_of(Opcode.PING, b"early"))
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"\x8a\x05early"
        writer.write(frame_of(Opcode.PING, b"late"))
        assert await reader.readexactly(6) == b"\x8a\x04late"
        writer.close()
        await _until(lambda: not gateway.context.connections)


async def a_device_that_does_not_read_is_not_read_from() -> None:
    async with Gateway() as gateway:
        reader, writer = await gateway.connect()
        writer.write(head_of("/things/t1") + reading_of(1) * 20)
        await reader.readuntil(b"\r\n\r\n")
        connection = gateway.handlers[0].connection
        await _until(lambda: not connection.writable)
        while not connection.writable:
            await reader.readexactly(MOST // 4)
        writer.close()
        await _until(lambda: not gateway.context.connections)


async def nothing_is_left_to_the_garbage_collector() -> None:
    async with Gateway() as gateway:
        gc.collect()
        gc.disable()
        known = parts_of_connections()
        try:
            for end in ("write_eof", "close"):
                reader, writer = await gateway.connect()
                writer.write(head_of("/things/t1"))
                await reader.readuntil(b"\r\n\r\n")
                assert names_of_new(known) == ["DeviceConnection", "DeviceProtocol"]
                getattr(writer, end)()
                await _until(lambda: not gateway.context.connections)
                gateway.handlers.clear()
                await asyncio.sleep(0)
                assert names_of_new(known) == [], end
                writer.close()
        finally:
            gc.enable()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(
    "scene",
    [
        frames_before_and_after_it_are_heard,
        a_device_that_does_not_read_is_not_read_from,
        nothing_is_left_to_the_garbage_collector,
    ],
)
def test_a_handover(
    scene: Callable[[], object], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scene())  # type: ignore[arg-type]
