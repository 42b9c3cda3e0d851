"""An open connection's frames, in and out: what of them is a message, what breaks the rules.

It drives the library's Sans-I/O protocol, but for the frames that devices usually send.
"""

from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from services.gateway import metrics
from services.gateway.chargers.readings import BadFrameError
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.error_events import ERROR_EVENTS
from services.gateway.connection.fast_frames import HEAD_BYTES, PING, is_empty_pong, usual_message
from services.gateway.connection.rate_limited_reader import RateLimitedReader
from services.gateway.connection.websocket_protocol import DeviceProtocol
from shared.contract.device_protocol import CloseCode, ErrorCode
from shared.contract.presence import RejectionCode

_CLOSING_SECONDS: Final = 5.0
_MAX_BAD_FRAMES: Final = 20
"""Bad frames in a row that cost a device its connection; a good one starts over."""
_REJECTION_OF: Final = {code: RejectionCode(code) for code in ErrorCode}
_FAILURES: Final[dict[int, RejectionCode]] = {
    1002: RejectionCode.PROTOCOL_ERROR,
    1007: RejectionCode.NOT_TEXT,
    1009: RejectionCode.TOO_BIG,
}
"""Codes that the library fails a connection with, by itself (RFC 6455 section 7.4.1)."""
_DATA: Final = (Opcode.TEXT, Opcode.CONT, Opcode.BINARY)
_NOT_TEXT: Final = BadFrameError(ErrorCode.NOT_TEXT, "messages are text, not binary")


class Framing(RateLimitedReader):
    """A device's connection as far as frames go; a subclass opens it and times it.

    Args:
        gate: What it shares with the others.

    Attributes:
        is_open: Whether messages may be sent and those received count.
    """

    __slots__ = (
        "_bad_frames",
        "_closing_since",
        "_fragments",
        "_is_between_messages",
        "_lost",
        "_ping_at",
        "due",
        "is_open",
        "websocket",
        "writable",
    )

    def __init__(self, gate: ConnectionContext) -> None:
        super().__init__(gate)
        self._fragments: list[bytes] | None = None
        self._bad_frames = 0
        self._closing_since: float | None = None
        self._lost = False
        self._is_between_messages = True  # of `websocket`, which only `_others_received` moves
        self._ping_at = 0.0
        self.websocket = DeviceProtocol()
        self.due = 0
        # Kept here, not asked of the library each time: with many idle connections its
        # object is not in the cache, and nearly nothing else would need it.
        self.is_open = False
        self.writable = True

    # What subclasses say to it.

    def may_speak(self) -> bool:
        """Whether what the device sends counts; one that may not is sent away here."""
        return True

    def message_received(self, message: bytes) -> None:
        """A whole text message came; raises BadFrameError if it is a bad one."""
        raise NotImplementedError

    def ping_received(self, payload: bytes) -> None:
        """The device wants a pong; it is due when all before it is done."""
        self.pong(payload)

    def pong_received(self, payload: bytes) -> None:
        """The device answered a ping."""

    def closing(self) -> None:
        """The connection is about to end, or to be refused; what it says counts no more."""

    def rejected(self, code: RejectionCode, message: str) -> None:
        """Something of the device was refused; its id is known."""

    def on_timer(self, now: float) -> float | None:
        """Do what is due; return when to look again."""
        raise NotImplementedError

    # Sending.

    def send_frame(self, frame: bytes) -> None:
        """Send a frame that is encoded already; only while `is_open`."""
        self._transport.write(frame)

    def pong(self, payload: bytes) -> None:
        """Answer a ping (RFC 6455 section 5.5.3)."""
        if self.is_open:
            self.websocket.send_pong(payload)
            self._write_pending()

    def ping(self, payload: bytes) -> None:
        """Ask the device for a sign of life (RFC 6455 section 5.5.2)."""
        if not self.is_open:
            return
        if payload:
            self.websocket.send_ping(payload)
            self._write_pending()
        else:
            self._transport.write(PING)

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake, once."""
        if not self.is_open:
            return
        metrics.CLOSED[code].inc()
        self.websocket.send_close(code, reason)
        self._write_pending()

    # Receiving.

    def _frames_received(self, data: bytes) -> int:
        """Take frames; return how many."""
        if not self._is_between_messages:
            return self._others_received(data)
        if len(data) == HEAD_BYTES and is_empty_pong(data, 0):
            # What nearly all segments of idle devices are.
            if self.is_open:
                self.pong_received(b"")
            return 1
        taken = start = 0
        while self.is_open:
            if (message := usual_message(data, start)) is not None:
                self._usual_received(message)
                start += HEAD_BYTES + len(message)
            elif is_empty_pong(data, start):
                self.pong_received(b"")
                start += HEAD_BYTES
            else:
                break
            taken += 1
            if start == len(data):
                return taken
        return taken + self._others_received(data[start:])

    def _usual_received(self, message: bytes) -> None:
        """Do with a whole text message what `_frame_received` does."""
        if self.may_speak():
            try:
                self.message_received(message)
                self._bad_frames = 0
            except BadFrameError as error:
                self._answer_bad(error)
                self._write_pending()
            except UnicodeDecodeError:
                self._fail_not_text()

    def _others_received(self, data: bytes) -> int:
        """Take frames with the library; return how many."""
        websocket = self.websocket
        websocket.receive_frames(data)
        self._is_between_messages = websocket.is_between_messages
        self._follow_state()
        frames = websocket.events_received()
        for frame in frames:
            # Whatever comes before the device's close frame counts, though the
            # library has parsed that one too by now; what comes after ours does not.
            if self._closing_since is None and isinstance(frame, Frame):
                self._frame_received(frame)
        self._write_pending()
        return len(frames)

    def _frame_received(self, frame: Frame) -> None:
        if frame.opcode in _DATA and not self.may_speak():
            return
        try:
            match frame.opcode:
                case Opcode.TEXT if frame.fin:
                    self._message(bytes(frame.data))
                case Opcode.TEXT:
                    self._fragments = [bytes(frame.data)]
                case Opcode.CONT:
                    self._continued(frame)
                case Opcode.BINARY if frame.fin:
                    self._answer_bad(_NOT_TEXT)
                case Opcode.PING:
                    self.ping_received(bytes(frame.data))
                case Opcode.PONG:
                    self.pong_received(bytes(frame.data))
        except BadFrameError as error:
            self._answer_bad(error)
        except UnicodeDecodeError:
            self._fail_not_text()

    def _continued(self, frame: Frame) -> None:
        if self._fragments is not None:
            self._fragments.append(bytes(frame.data))
        if frame.fin:
            fragments, self._fragments = self._fragments, None
            if fragments is None:
                self._answer_bad(_NOT_TEXT)
            else:
                self._message(b"".join(fragments))

    def _message(self, message: bytes) -> None:
        self.message_received(message)
        self._bad_frames = 0

    def _fail_not_text(self) -> None:
        """End the connection for text that is none (RFC 6455 section 8.1)."""
        self.websocket.fail(1007, "text is not UTF-8")
        self._write_pending()

    def _answer_bad(self, error: BadFrameError) -> None:
        metrics.BAD_FRAMES[error.code].inc()
        self._bad_frames += 1
        self.rejected(_REJECTION_OF[error.code], error.message)
        if self._bad_frames > _MAX_BAD_FRAMES:
            many = f"more than {_MAX_BAD_FRAMES} in a row; the last one: {error.message}"
            self.rejected(RejectionCode.TOO_MANY_BAD_FRAMES, many)
            self.close(CloseCode.POLICY, "too many bad frames")
            self._write_pending()  # the end may be parsed already: what is in between is void
        elif self.writable and self.is_open:
            self.websocket.send_text(ERROR_EVENTS[error.code, error.message])

    def _follow_state(self) -> None:
        """Note whether it is open: after whatever was said to the library."""
        self.is_open = self.websocket.state is State.OPEN and not self._lost

    def _write_pending(self) -> None:
        """Write what the library has for the device."""
        self._follow_state()
        for data in self.websocket.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._closing_since is None and self.websocket.close_expected():
            self._note_failure()
            self._closing_since = self._gate.clock()
            self.closing()
            self._gate.wheel.schedule(self, self._closing_since + _CLOSING_SECONDS)

    def _note_failure(self) -> None:
        """Note what the library closes this connection for, if it is the one that does."""
        close = self.websocket.close_sent
        if close is not None and self.websocket.close_rcvd is None and close.code in _FAILURES:
            self.rejected(_FAILURES[close.code], close.reason)
