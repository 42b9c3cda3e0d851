"""However a connection ends, and whenever: a device connects again."""

import asyncio
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.utils import accept_key

from services.simulator.devices import connection
from services.simulator.devices.charger import Charger
from services.simulator.devices.disconnect_reason import Closed, DisconnectReason, Unreachable
from services.simulator.devices.reconnect import Disconnected, Pace
from services.simulator.devices.widget import Widget
from tests.unit.simulator.fake_hub import Heard

DEVICES: Final[dict[str, type[Charger] | type[Widget]]] = {"charger": Charger, "widget": Widget}


class NoPause(Pace):
    def delay(self, reason: DisconnectReason, lasted: float) -> float:
        super().delay(reason, lasted)
        return 0.0


@dataclass(frozen=True)
class Ending:
    """What a server does to a connection.

    Attributes:
        early: Sent before the device's request is read.
        reads: Whether the request is read at all.
        upgrades: Whether the handshake succeeds.
        data: Sent after that.
        reset: Ends with a TCP reset.
    """

    early: bytes = b""
    reads: bool = True
    upgrades: bool = False
    data: bytes = b""
    reset: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.early)
        request = await reader.readuntil(b"\r\n\r\n") if self.reads else b""
        if self.upgrades:
            writer.write(upgrade(request))
        writer.write(self.data)
        if not self.reset:
            return
        # What is not sent yet would go with the connection.
        await writer.drain()
        found: socket.socket = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def upgrade(request: bytes) -> bytes:
    key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


@dataclass
class Server:
    """Ends its first connection in one way; the next one stays."""

    ending: Ending
    connections: int = 0
    stays: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.connections == 1:
                await self.ending.serve(reader, writer)
                return
            writer.write(upgrade(await reader.readuntil(b"\r\n\r\n")))
            self.stays.set()
            await self.over.wait()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the device was first
        finally:
            writer.close()


async def outlive(kind: str, ending: Ending) -> list[Any]:
    """Let a device connect to a server that ends the connection; return what the device said."""
    end = Server(ending)
    server = await asyncio.start_server(end.serve, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    heard = Heard()
    device = DEVICES[kind]("id1", url, pace=NoPause(random.Random(1)), notify=heard)
    running = asyncio.create_task(device.run())
    if isinstance(device, Charger):
        await device.report(70)
    stays = asyncio.create_task(end.stays.wait())
    try:
        async with asyncio.timeout(30):
            await asyncio.wait([running, stays], return_when=asyncio.FIRST_COMPLETED)
        assert not running.done(), running.exception()
    finally:
        end.over.set()
        for task in (running, stays):
            task.cancel()
        await asyncio.wait([running, stays])
        server.close()
    return heard


def frame(first: int, payload: bytes) -> bytes:
    """Make a frame as a server sends it (RFC 6455, section 5.2)."""
    assert len(payload) < 126
    return bytes([first, len(payload)]) + payload


TLS_ALERT: Final = b"\x15\x03\x01\x00\x02\x02\x28"
STATUS: Final = b'{"event":"chargingStatus","data":{"status":"charging"}}'
TWO_KEYS: Final = b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Accept: y\r\n"
ANSWERS: Final = [
    b"",
    b"H",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + TWO_KEYS + b"\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: ws://[::1\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n",
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: ws://x:99999/\r\n\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nRetry-After: 2\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: " + b"9" * 500 + b"\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\n\r\n",
    b"HTTP/1.1 abc Odd\r\n\r\n",
    b"HTTP/1.0 502 Bad Gateway\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 " + b"1" * 9000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b"HTTP/1.1 200 OK\r\n no header\r\n\r\n",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
    b"-ERR unknown command\r\n",
    b"\x00" * 100,
    TLS_ALERT,
]
FRAMES: Final = [
    b"",
    b"\x81",
    b"\x81\x7e\x01",
    frame(0x81, STATUS)[:20],
    frame(0x81, STATUS),
    frame(0x81, b"\xff\xfe"),
    frame(0x81, b"[" * 120),
    frame(0x82, STATUS),
    frame(0x01, b"half"),
    frame(0x80, b"continues nothing"),
    frame(0x83, b"reserved"),
    frame(0xC1, b"compressed"),
    frame(0x8A, b"a pong for nothing"),
    frame(0x89, b"a ping") + frame(0x88, b""),
    b"\x81\x85aaaa" + b"maskd",
    b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x89\x7e\x01\x00" + b"x" * 256,
    *(frame(0x88, code.to_bytes(2, "big")) for code in (0, 999, 1000, 1005, 1006, 1015, 4404)),
    frame(0x88, b"\x03"),
    frame(0x88, b"\x03\xe9\xff"),
    TLS_ALERT,
]


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("when", ["before", "in", "after"], ids=lambda when: f"{when} handshake")
def test_a_device_connects_again_however_its_connection_ended(
    kind: str, when: str, *, reset: bool
) -> None:
    async def outlive_all() -> None:
        for data in FRAMES if when == "after" else ANSWERS:
            match when:
                case "before":
                    ending = Ending(early=data, reads=False, reset=reset)
                case "in":
                    ending = Ending(data=data, reset=reset)
                case _:
                    ending = Ending(upgrades=True, data=data, reset=reset)
            await outlive(kind, ending)

    uvloop.run(outlive_all())


class SlowToAsk(connect):
    """Sends its request only after its first connection has ended, as on a busy machine."""

    was_slow = False

    async def open_tcp_connection(self) -> ClientConnection:
        opened = await super().open_tcp_connection()
        if not SlowToAsk.was_slow:
            SlowToAsk.was_slow = True
            await asyncio.wait([opened.connection_lost_waiter])
        return opened


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("data", [b"", b"H", TLS_ALERT])
def test_a_device_outlives_a_connection_that_ends_before_it_asked(
    monkeypatch: pytest.MonkeyPatch, kind: str, data: bytes, *, reset: bool
) -> None:
    monkeypatch.setattr(SlowToAsk, "was_slow", False)
    monkeypatch.setattr(connection, "_ConnectToHub", SlowToAsk)
    heard = uvloop.run(outlive(kind, Ending(early=data, reads=False, reset=reset)))
    told = [event.reason for event in heard if isinstance(event, Disconnected)]
    assert told[0] == Unreachable("the connection ended during the handshake")


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(DEVICES)),
    st.builds(
        Ending,
        early=st.just(b"") | st.binary(max_size=40),
        reads=st.just(value=True),
        upgrades=st.booleans(),
        data=st.lists(st.sampled_from([*ANSWERS, *FRAMES]) | st.binary(max_size=40)).map(b"".join),
        reset=st.booleans(),
    ),
)
def test_no_ending_stops_a_device(kind: str, ending: Ending) -> None:
    uvloop.run(outlive(kind, ending))


def test_an_end_of_the_other_side_is_told_as_what_it_was() -> None:
    heard = uvloop.run(outlive("widget", Ending(upgrades=True, data=frame(0x88, b"\x03\xe9bye"))))
    assert Closed(1001, "bye") in [getattr(event, "reason", None) for event in heard]
