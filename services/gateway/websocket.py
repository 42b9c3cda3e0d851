"""The WebSocket protocol (RFC 6455) as a device sees it: the library's, with four changes."""

import logging
from typing import Final

from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from shared.device_protocol import MAX_FRAGMENTS, MAX_MESSAGE_BYTES

# The library would write a line per connection at the level "info".
_log: Final = logging.getLogger("websockets.server")


class DeviceProtocol(ServerProtocol):
    """Sans-I/O server side of one device's connection.

    It differs from the library's in that a ping is not answered at once (a pong
    is a receipt, so the charger decides when), that a message may not come in more
    than `MAX_FRAGMENTS` fragments (empty ones never reach the size limit), and that
    a control frame between fragments is neither a part of their message's size nor, if
    it is a close frame, an error.
    """

    def __init__(self) -> None:
        # No extensions: compression costs 33 KB per connection and can be bombed.
        # A limit for frames only: the library would hold a control frame between two
        # fragments against what is left of their message. That is checked below.
        super().__init__(max_size=(None, MAX_MESSAGE_BYTES), logger=_log)
        self._fragments = 0

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame from the parser; pings become events without an answer."""
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
            return
        if frame.opcode is Opcode.CONT:
            self._fragments += 1
            left = MAX_MESSAGE_BYTES - (self.current_size or 0)
            if self._fragments >= MAX_FRAGMENTS or len(frame.data) > left:
                raise PayloadTooBig(None, left)  # what came before is added to it
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._fragments = 0
        elif frame.opcode is Opcode.CLOSE:
            # It may come between fragments (RFC 6455 section 5.4): the message is given up.
            self.current_size = None
        super().recv_frame(frame)
