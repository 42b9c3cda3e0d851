"""The WebSocket protocol (RFC 6455) as a device sees it: the library's, with four changes."""

import asyncio
import contextlib
import logging
from typing import Final

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from shared.contract.device_protocol import MAX_FRAGMENTS, MAX_MESSAGE_BYTES

# The library would write a line per connection at the level "info".
_log: Final = logging.getLogger("websockets.server")

_BYTES_PER_FRAGMENT: Final = MAX_MESSAGE_BYTES // MAX_FRAGMENTS
"""Of the largest message there may be as many fragments as it has of these."""
_MOST_BYTES_SHORT: Final = 125
"""Up to here the length is in the head's second byte; then the mask follows."""
_SHORT_HEAD_BYTES: Final = 2 + 4
_HEAD_BYTES: Final = 2 + 2 + 4


class _TooManyFragmentsError(PayloadTooBig):
    """Ends the parsing as a message that is too big does, with a reason of its own."""

    def __init__(self, most: int, left: int) -> None:
        super().__init__(None, left)
        self._most = most

    def __str__(self) -> str:
        return f"message in more than {self._most} fragments"


class DeviceProtocol(ServerProtocol):
    """Sans-I/O server side of one device's connection.

    It differs from the library's in that a ping is not answered at once (a pong
    is a receipt, so the charger decides when), that a message may not come in more
    than so many fragments (empty ones never reach the size limit), and that
    a control frame between fragments is neither a part of their message's size nor, if
    it is a close frame, an error.
    """

    def __init__(self) -> None:
        # No extensions: compression costs 33 KB per connection and can be bombed.
        # A limit for frames only: the library would hold a control frame between two
        # fragments against what is left of their message. That is checked below.
        super().__init__(max_size=(None, MAX_MESSAGE_BYTES), logger=_log)
        self._fragments = 0
        self._unparsed = 0

    @property
    def is_between_messages(self) -> bool:
        """Whether the next byte begins a frame, and that frame a message."""
        return self._unparsed == 0 and self.current_size is None

    def receive_frames(self, data: bytes) -> None:
        """Receive data that comes after the handshake; see the library's `receive_data`."""
        self._unparsed += len(data)
        self.receive_data(data)

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame from the parser; pings become events without an answer."""
        self._unparsed -= _size_of(frame)
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
            return
        if frame.opcode is Opcode.CONT and self.current_size is not None:
            self._fragments += 1
            most_bytes = self.max_fragment_size or MAX_MESSAGE_BYTES
            left = most_bytes - self.current_size
            most = most_bytes // _BYTES_PER_FRAGMENT
            if self._fragments >= most:
                raise _TooManyFragmentsError(most, left)
            if len(frame.data) > left:
                raise PayloadTooBig(None, left)  # what came before is added to it
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._fragments = 0
        elif frame.opcode is Opcode.CLOSE:
            # It may come between fragments (RFC 6455 section 5.4): the message is given up.
            self.current_size = None
        super().recv_frame(frame)

    def break_cycle(self) -> None:
        """Break the reference cycle of parser and protocol, once the connection has ended.

        Otherwise the garbage collector would have to find ended connections, and it stops the
        process for longer the more devices are connected.
        """
        self.parser.close()
        # Their tracebacks hold the parser.
        self.parser_exc = None
        self.handshake_exc = None


def write_pending(websocket: DeviceProtocol, transport: asyncio.Transport) -> None:
    """Write what the library has for the device, and end the stream if it says so."""
    for data in websocket.data_to_send():
        if data:
            transport.write(data)
        elif transport.can_write_eof():
            # While a device is not read from, nobody notices that it has gone.
            with contextlib.suppress(OSError):
                transport.write_eof()
        else:
            # TLS cannot be half closed: what is written leaves, and then the connection ends.
            transport.close()


def _size_of(frame: Frame) -> int:
    """Return how many bytes a device's frame was (RFC 6455 section 5.2), at least.

    It was more if its length was written in a longer form than it needs.
    """
    length = len(frame.data)
    return length + (_SHORT_HEAD_BYTES if length <= _MOST_BYTES_SHORT else _HEAD_BYTES)
