"""One device's connection: its handshake, what it hears, pongs for pings."""

import errno
import socket
from collections.abc import Callable  # noqa: TC003 - for the types of attributes
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.generator.loop import READ, WRITE, Loop, clock
from tests.fixtures.raw_frames import CLOSE, PING, PONG, TEXT, handshake, masked

_HEAD_END: Final = b"\r\n\r\n"
_SWITCHING: Final = b"HTTP/1.1 101 "
_MOST_BYTES: Final = 65_536
_LENGTH_IN_TWO: Final = 126
_EMPTY_PONG: Final = masked(PONG, b"")

# Linux: choose the port when it is known where to; one port may then serve many servers.
_IP_BIND_ADDRESS_NO_PORT: Final = 24


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kind of device connects."""

    host: str
    port: int
    source: str = ""
    """The loopback address that the connection comes from; each has its own ports."""
    subprotocol: str = ""
    """What it offers; empty: nothing."""


class Connection:
    """A device's connection, opened again and again with `open`.

    Args:
        loop: Who watches its socket.
        path: Of its URL.

    Attributes:
        place: Where it connects.
        is_open: Whether its handshake is done and its end not seen.
        began_at: When its last attempt began.
        opened_at: When its handshake was done.
        on_open: Called after each handshake.
        on_pong: Called with each pong.
        on_text: Called with each text message.
        on_lost: Called with the reason when an attempt failed, or the connection ended.
        pings: How many it answered.
        retry_after: Seconds that the last refusal asked it to wait.
        send_raw: The socket's own `send`, or what says that there is none.
    """

    __slots__ = (
        "_loop",
        "_path",
        "_rest",
        "_socket",
        "_unsent",
        "began_at",
        "is_open",
        "on_lost",
        "on_open",
        "on_pong",
        "on_text",
        "opened_at",
        "pings",
        "place",
        "retry_after",
        "send_raw",
    )

    def __init__(self, loop: Loop, place: Place, path: str) -> None:
        self._loop = loop
        self._path = path
        self._socket: socket.socket | None = None
        self._rest = b""
        self._unsent = b""
        self.place = place
        self.is_open = False
        self.began_at = self.opened_at = 0.0
        self.pings = 0
        self.retry_after = 0.0
        self.on_open: Callable[[], None] = _nothing
        self.on_pong: Callable[[], None] = _nothing
        self.on_text: Callable[[bytes], None] = _nothing
        self.on_lost: Callable[[str], None] = _nothing
        self.send_raw: Callable[[bytes], int] = _not_open

    def open(self) -> None:
        self.began_at = clock()
        self._rest = self._unsent = b""
        self.retry_after = 0.0
        place = self.place
        self._socket = connecting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connecting.setblocking(False)  # noqa: FBT003 - its name
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.source:
            connecting.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            connecting.bind((place.source, 0))
        code = connecting.connect_ex((place.host, place.port))
        if code not in {0, errno.EINPROGRESS}:
            self._end(errno.errorcode.get(code, str(code)))
            return
        self._loop.watch(connecting.fileno(), self._connected, WRITE)

    def close(self) -> None:
        """End it as a device does that loses its power: without a word."""
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self.is_open = False
        self.send_raw = _not_open

    def send(self, frame: bytes) -> bool:
        """Send a frame, or tell that there is no room for it.

        The usual case is quicker through ``send_raw``; then what it did not take must go
        to `remember`.
        """
        if self._unsent and not self._flush():
            return False
        try:
            self.remember(frame, self.send_raw(frame))
        except BlockingIOError:
            return False
        except OSError:
            return False  # the end is seen where it is read from
        return True

    def remember(self, frame: bytes, taken: int) -> None:
        """Keep what the kernel did not take of a frame: it goes before the next one."""
        self._unsent = frame[taken:]

    @property
    def is_blocked(self) -> bool:
        """Whether part of a frame still has to go first."""
        return bool(self._unsent)

    def _flush(self) -> bool:
        try:
            self._unsent = self._unsent[self.send_raw(self._unsent) :]
        except OSError:
            return False
        return not self._unsent

    def _connected(self) -> None:
        connecting = self._socket
        assert connecting is not None
        code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(errno.errorcode.get(code, str(code)))
            return
        self._loop.change(connecting.fileno(), self._head_readable, READ)
        try:
            offered = self.place.subprotocol
            headers = (f"Sec-WebSocket-Protocol: {offered}",) if offered else ()
            host = f"{self.place.host}:{self.place.port}"
            connecting.send(handshake(self._path, *headers, host=host))
        except OSError as error:
            self._end(str(error))

    def _head_readable(self) -> None:
        data = self._received()
        if data is None:
            return
        head, end, rest = (self._rest + data).partition(_HEAD_END)
        if not end:
            self._rest = head
            return
        if not head.startswith(_SWITCHING):
            after = head.lower().partition(b"\r\nretry-after:")[2].partition(b"\r\n")[0]
            self.retry_after = float(after or 0)
            self._end(head.partition(b"\r\n")[0].decode("latin-1"))
            return
        assert self._socket is not None
        self._rest = b""
        self.is_open = True
        self.opened_at = clock()
        self.send_raw = self._socket.send
        self._loop.rebind(self._socket.fileno(), self._frames_readable)
        self.on_open()
        if rest:
            self._take(rest)

    def _frames_readable(self) -> None:
        data = self._received()
        if data is not None:
            self._take(self._rest + data if self._rest else data)

    def _received(self) -> bytes | None:
        """Return what can be read; None if nothing, or if it was the end."""
        assert self._socket is not None
        try:
            data = self._socket.recv(_MOST_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self._end(errno.errorcode.get(error.errno or 0, str(error)))
            return None
        if not data:
            self._end("closed")
            return None
        return data

    def _take(self, data: bytes) -> None:
        """Take the frames that are complete; a server's have no mask."""
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin = data[at + 1], at + 2
            if length == _LENGTH_IN_TWO:
                length, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            end = begin + length
            if end > size:
                break
            opcode = data[at] & 0x0F
            if opcode == TEXT:
                self.on_text(data[begin:end])
            elif opcode == PING:
                self.pings += 1
                self.send(masked(PONG, data[begin:end]) if length else _EMPTY_PONG)
            elif opcode == PONG:
                self.on_pong()
            elif opcode == CLOSE:
                self._end(f"close {int.from_bytes(data[begin : begin + 2], 'big')}")
                return
            at = end
        self._rest = data[at:]

    def _end(self, reason: str) -> None:
        self.close()
        self.on_lost(reason)


def _nothing(*_: Any) -> None:
    pass


def _not_open(_: bytes) -> int:
    raise BlockingIOError
