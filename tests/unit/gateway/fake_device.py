"""The far end of a connection, without a socket: what it sends, and what it was told."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from websockets.frames import Frame, Opcode

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.connection.handshake import Handshake
from services.gateway.settings import GatewaySettings
from tests.unit.shared.no_delay import LongestDelay


class Clock:
    """Monotonic time that only a test moves, in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SeenFrame(NamedTuple):
    """A frame as the device gets it."""

    opcode: Opcode
    payload: bytes


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; nothing ever leaves it.

    Args:
        protocol: The one to begin with.
    """

    def __init__(self, protocol: Handshake) -> None:
        super().__init__()
        self.protocol: Handshake | DeviceConnection = protocol
        self.written = bytearray()
        self.on_write: Callable[[bytes], None] = lambda _: None
        self.ended = False
        self.aborted = 0
        self.reading = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, DeviceConnection)
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "nothing may be written after the end of the stream"
        self.written += data
        self.on_write(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted += 1

    def is_closing(self) -> bool:
        return bool(self.aborted)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def context_of(clock: Clock, **settings: object) -> ConnectionContext:
    """Return a context of its own; settings are those of a gateway."""
    validated = GatewaySettings.model_validate(settings)
    return ConnectionContext(validated, clock, LongestDelay(), call_soon=call_at_once)


def call_at_once(call: Callable[[], None]) -> None:
    """Call: where no event loop runs, its next turn comes at once."""
    call()


def head_of(path: str, *headers: str) -> bytes:
    """Return the head of a handshake."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame_of(opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame as a device sends it: masked."""
    return Frame(opcode, payload, fin).serialize(mask=True)


def reading_of(level: object) -> bytes:
    """Return a frame with a reading; the level is put in as it is."""
    return frame_of(
        Opcode.TEXT, b'{"event":"StateOfCharge","data":{"soc":%b}}' % f"{level}".encode()
    )


def close_of(code: int = 1000) -> bytes:
    """Return a close frame."""
    return frame_of(Opcode.CLOSE, code.to_bytes(2, "big"))


def frames_in(data: bytes) -> list[SeenFrame]:
    """Decode frames of a gateway by hand: servers do not mask."""
    found: list[SeenFrame] = []
    while data:
        length, start = data[1], 2
        assert length < 127, "a mask, or more than a device would take"
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        found.append(SeenFrame(Opcode(data[0] & 0x0F), data[start : start + length]))
        data = data[start + length :]
    return found


class FakeDevice:
    """A device at the far end of a connection, which is made.

    Args:
        context: What the gateway's connections share.
        endpoint: Where it connects.
        handshake: The class of the gateway's end; in a test of the fuzzer a broken one.

    Attributes:
        connection: The gateway's end, once the handshake is accepted.
    """

    connection: DeviceHandler

    def __init__(
        self,
        context: ConnectionContext,
        endpoint: Endpoint,
        handshake: type[Handshake] = Handshake,
    ) -> None:
        def handler(connection: DeviceConnection, device_id: str) -> DeviceHandler:
            self.connection = endpoint.handler(connection, device_id)
            return self.connection

        self.handshake = handshake(context, replace(endpoint, handler=handler))
        self.transport = RecordingTransport(self.handshake)
        self.on_the_way = b""
        self.handshake.connection_made(self.transport)

    @property
    def protocol(self) -> Handshake | DeviceConnection:
        """What the gateway's transport calls."""
        return self.transport.protocol

    def send(self, data: bytes) -> None:
        """Let bytes arrive in one segment."""
        self.on_the_way += data
        self.arrive()

    def arrive(self) -> None:
        """Let the gateway read what it wants to read of what was sent."""
        while self.on_the_way and self.transport.reading:
            size = min(len(self.protocol.get_buffer(-1)), len(self.on_the_way))
            piece, self.on_the_way = self.on_the_way[:size], self.on_the_way[size:]
            self.deliver(piece)

    def deliver(self, piece: bytes) -> None:
        """Let the gateway have read this, whatever it wants."""
        self.protocol.get_buffer(-1)[: len(piece)] = piece
        self.protocol.buffer_updated(len(piece))

    def say(self, text: bytes) -> None:
        """Let a text message arrive."""
        self.send(frame_of(Opcode.TEXT, text))

    def ping(self, payload: bytes) -> None:
        """Let a ping arrive."""
        self.send(frame_of(Opcode.PING, payload))

    def vanish(self) -> None:
        """Be gone, without a word."""
        self.protocol.connection_lost(ConnectionResetError())

    def forget(self) -> None:
        """Forget the frames that came so far."""
        _, end, _ = bytes(self.transport.written).partition(b"\r\n\r\n")
        del self.transport.written[self.transport.written.find(end) + len(end) :]

    @property
    def http_status(self) -> int:
        """The status in the answer to the handshake; 0 before it."""
        words = bytes(self.transport.written).split(b" ", 2)
        return int(words[1]) if len(words) > 1 else 0

    @property
    def http_head(self) -> str:
        """The head of the answer to the handshake."""
        return bytes(self.transport.written).partition(b"\r\n\r\n")[0].decode()

    @property
    def frames(self) -> list[SeenFrame]:
        """The frames that came."""
        return frames_in(bytes(self.transport.written).partition(b"\r\n\r\n")[2])

    def got(self, opcode: Opcode) -> list[bytes]:
        """Return the payloads of all frames of one kind, in order."""
        return [frame.payload for frame in self.frames if frame.opcode is opcode]

    @property
    def close_code(self) -> int | None:
        """The code of the close frame that came, if one came."""
        closes = self.got(Opcode.CLOSE)
        assert len(closes) <= 1, "one close frame at most"
        return int.from_bytes(closes[0][:2], "big") if closes else None
