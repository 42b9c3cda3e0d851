"""One device's connection: bytes in, bytes out, deadlines. No task of its own.

It drives the library's Sans-I/O protocol; `Inlet` says how much is read. What the messages
mean is the business of the two subclasses, `ChargerConnection` and
`WidgetConnection`.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from services.gateway import metrics, refusals
from services.gateway.credentials import secret_in
from services.gateway.doorkeeper import Ask
from services.gateway.error_events import ERROR_EVENTS
from services.gateway.gate import Gate
from services.gateway.handshake import Refusal, examine
from services.gateway.inlet import Inlet, Pause
from services.gateway.readings import BadFrameError
from services.gateway.websocket import DeviceProtocol
from shared.device_protocol import CloseCode, ErrorCode
from shared.presence import RejectionCode

_MAX_HEAD_BYTES: Final = 8192
_HEAD_END: Final = b"\r\n\r\n"
_PATIENCE_SECONDS: Final = 8.0
"""Devices that waited so long for their handshake are about to give up: many do after 10 s."""
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


class Connection(Inlet):
    """A device's connection, from its first byte to its last.

    Args:
        gate: What it shares with the others.
        prefixes: URL paths served on its port, up to the id.
        ask_doorkeeper: Judges its credentials; None where none are asked for.
    """

    __slots__ = (
        "_ask_doorkeeper",
        "_bad_frames",
        "_closing_since",
        "_early",
        "_fragments",
        "_head",
        "_is_opened",
        "_lost",
        "_pinged_at",
        "_prefixes",
        "_request",
        "device_id",
        "due",
        "opened_at",
        "websocket",
        "writable",
    )

    def __init__(self, gate: Gate, prefixes: Sequence[str], ask_doorkeeper: Ask | None) -> None:
        super().__init__(gate)
        self._ask_doorkeeper = ask_doorkeeper
        self._prefixes = prefixes
        self._head: bytearray | None = bytearray()
        self._request: Request | None = None
        self._early = b""
        self._fragments: list[bytes] | None = None
        self._bad_frames = 0
        self._closing_since: float | None = None
        self._lost = False
        self._is_opened = False
        self.websocket = DeviceProtocol()
        self.device_id = ""
        self.due = 0
        self.writable = True

    # What the subclasses say to it.

    def opened(self) -> None:
        """The handshake is done; ``device_id`` is set."""
        raise NotImplementedError

    def may_speak(self) -> bool:
        """Whether what the device sends counts; one that may not is sent away here."""
        return True

    def message_received(self, message: bytes) -> None:
        """A whole text message came; raises BadFrameError if it is a bad one."""
        raise NotImplementedError

    def ping_received(self, payload: bytes) -> None:
        """The device wants a pong; it is due when all before it is done."""
        self.pong(payload)

    def ping_payload(self) -> bytes:
        """Return what the pings that keep a connection alive carry."""
        return b""

    def pong_received(self, payload: bytes) -> None:
        """The device answered a ping."""

    def drained(self) -> None:
        """What was written has left; ``writable`` is true again."""

    def rejected(self, code: RejectionCode, message: str) -> None:
        """Something of the device was refused; ``device_id`` is set."""

    def lost(self) -> None:
        """The connection has ended, whichever way."""
        raise NotImplementedError

    # asyncio.BufferedProtocol, but for what `Inlet` does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake's deadline."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        now = self._gate.clock()
        self.opened_at = self._heard_at = self._pinged_at = now
        self._gate.connections.add(self)
        if len(self._gate.connections) > self._gate.most_sockets:
            # Not even a 503: that would need a file for as long as a handshake takes.
            metrics.CUT_OFF.inc()
            self.abort()
            return
        self._gate.wheel.schedule(self, now + self._gate.settings.handshake_seconds)

    def bytes_received(self, data: bytes) -> int:
        """Take the handshake's head, frames, or both in one segment."""
        if self._head is None:
            return self._frames_received(data)
        self._head_received(self._head, data)
        return 0

    def _head_received(self, head: bytearray, data: bytes) -> None:
        head += data
        end = head.find(_HEAD_END)
        if end < 0 and len(head) <= _MAX_HEAD_BYTES:
            return
        self._head = None
        # Frames may follow in the same segment. The library would parse them with
        # the head, before the answer is sent; so it gets them after it.
        end += len(_HEAD_END)
        if end < len(_HEAD_END) or end > _MAX_HEAD_BYTES:
            self._refuse(refusals.HEAD_TOO_LARGE)
            return
        if self.heard_ago() > _PATIENCE_SECONDS:
            # More devices connect than there is time for; they wait in the kernel, the
            # longest in front. Serving those that gave up, nobody would be served in time.
            metrics.OVERDUE.inc()
            self._refuse(refusals.OVERDUE)
            return
        self._early = bytes(head[end:])
        self._handshake(bytes(head[:end]))

    def eof_received(self) -> bool:
        """Pass on the end of the stream; False lets the transport close itself."""
        self.websocket.receive_eof()
        self._write_pending()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up. A device that vanishes is normal and no event of its own."""
        if exc is not None or self.websocket.close_rcvd is None:
            metrics.VANISHED.inc()
        self._lost = True
        self.due = -1  # voids its entry in the wheel
        self._gate.connections.discard(self)
        self._gate.waiting.discard(self)
        if self._is_opened:
            self.lost()

    def pause_writing(self) -> None:
        """Note that the device does not read as fast as we write."""
        self.writable = False
        # Who does not read is not read from: its pings would pile up as pongs here.
        # If that lasts, it counts as silent.
        self._pause(Pause.UNREAD)

    def resume_writing(self) -> None:
        """Let the subclass send what is newest by now."""
        self.writable = True
        self._resume(Pause.UNREAD)
        self.drained()

    def sent_too_fast(self, seconds: float) -> None:
        """Close, if that goes on for too long; what was read until now counts."""
        settings = self._gate.settings
        if self.is_open and seconds >= settings.too_fast_seconds:
            most = f"{settings.bytes_per_second} bytes a second"
            self.rejected(RejectionCode.TOO_FAST, f"for {seconds:.0f} s it sent more than {most}")
            self.close(CloseCode.TOO_FAST, f"send no more than {most}")

    # Sending.

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent and those received count."""
        return self.websocket.state is State.OPEN and not self._lost

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
        if self.is_open:
            self._pinged_at = self._gate.clock()
            self.websocket.send_ping(payload)
            self._write_pending()

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake, once."""
        if not self.is_open:
            return
        metrics.CLOSED[code].inc()
        self.websocket.send_close(code, reason)
        self._write_pending()

    def send_off(self) -> None:
        """Say goodbye because this gateway stops."""
        if self._request is not None:
            self._give_up(refusals.STOPPING)
        else:
            self.close(CloseCode.GOING_AWAY, "this gateway is stopping")

    def abort(self) -> None:
        """End the connection without another word."""
        self._transport.abort()

    # Deadlines.

    def on_timer(self, now: float) -> float | None:
        """Cut off who is too slow or silent, ping who was quiet; return when to look again."""
        settings = self._gate.settings
        if self._closing_since is not None:
            self.abort()
            return None
        if self._request is not None:
            # Nobody could judge it, because the directory is not there.
            self._give_up(refusals.NO_DIRECTORY)
            return None
        if not self.is_open:
            # Still shaking hands: the deadline has passed.
            self.abort()
            return None
        if Pause.TOO_FAST in self._paused:
            self._heard_at = now  # it is we who do not listen
        silent_at = self._heard_at + settings.silence_seconds
        if now >= silent_at:
            metrics.SILENT.inc()
            seconds = f"{settings.silence_seconds:g}"
            self.rejected(RejectionCode.SILENT, f"it was not heard of for {seconds} s")
            self.abort()
            return None
        if now - self._pinged_at >= settings.ping_interval_seconds:
            self.ping(self.ping_payload())
        return min(self._pinged_at + settings.ping_interval_seconds, silent_at)

    # Receiving.

    def _handshake(self, head: bytes) -> None:
        websocket = self.websocket
        websocket.receive_data(head)
        requests = websocket.events_received()
        if not requests or not isinstance(requests[0], Request):
            # Not HTTP, or too much of it: the library has its answer ready.
            self._write_pending()
            return
        self._request = requests[0]
        examined = examine(self._request, self._prefixes, self._gate.settings.origins)
        refusal = examined if isinstance(examined, Refusal) else self._gate.full()
        if refusal is not None:
            self._request = None
            self._refuse(refusal)
            return
        self.device_id = device_id = str(examined)
        if self._ask_doorkeeper is None:
            self.judged(admitted=True)
            return
        # Until it is judged no more is read than what came already.
        self._pause(Pause.JUDGING)
        self._ask_doorkeeper(self, device_id, secret_in(self._request.headers, device_id))

    @property
    def is_shaking_hands(self) -> bool:
        """Whether the handshake waits for its answer."""
        waits = self._request is not None and self.websocket.state is State.CONNECTING
        return waits and not self._lost

    def undecided(self) -> None:
        """Count among those that wait for the directory, or give up if they are too many."""
        waiting = self._gate.waiting
        if not self.is_shaking_hands or self in waiting:
            return
        # Asked again: a crowd comes in before the first of it is found undecided.
        if self._gate.may_wait():
            waiting.add(self)
        else:
            self._give_up(refusals.NO_DIRECTORY)

    def judged(self, *, admitted: bool) -> None:
        """Answer the handshake."""
        request = self._request
        if request is None or not self.is_shaking_hands:
            return
        if self._gate.draining:
            # Whoever came in now might miss the goodbye.
            self._give_up(refusals.STOPPING)
            return
        if not admitted:
            self._give_up(refusals.UNAUTHORIZED)
            self.rejected(RejectionCode.UNAUTHORIZED, "its secret is missing or wrong")
            return
        self._request = None
        self._gate.waiting.discard(self)
        response = self.websocket.accept(request)
        self.websocket.send_response(response)
        self._write_pending()
        self._resume(Pause.JUDGING)
        if not self.is_open:
            metrics.refused(response.status_code)
            return
        now = self._gate.clock()
        self.opened_at = self._heard_at = self._pinged_at = now
        self._gate.wheel.schedule(self, now + self._gate.settings.ping_interval_seconds)
        self._is_opened = True
        self.opened()
        early, self._early = self._early, b""
        if early:
            self._frames_received(early)

    def _give_up(self, refusal: Refusal) -> None:
        """Refuse a device that waited for its judgement."""
        self._request = None
        self._gate.waiting.discard(self)
        self._resume(Pause.JUDGING)  # or its leaving would not be heard of
        self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the handshake with an HTTP error."""
        self._early = b""  # it stays for a while yet
        metrics.refused(refusal.status)
        response = self.websocket.reject(refusal.status, refusal.text)
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = str(refusal.retry_after)
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="chargelight"'
        self.websocket.send_response(response)
        self._write_pending()

    def _frames_received(self, data: bytes) -> int:
        """Take frames; return how many."""
        websocket = self.websocket
        websocket.receive_data(data)
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
            self.websocket.fail(1007, "text is not UTF-8")
            self._write_pending()

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

    def _write_pending(self) -> None:
        """Write what the library has for the device."""
        for data in self.websocket.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._closing_since is None and self.websocket.close_expected():
            self._note_failure()
            self._closing_since = self._gate.clock()
            self._gate.wheel.schedule(self, self._closing_since + _CLOSING_SECONDS)

    def _note_failure(self) -> None:
        """Note what the library closes this connection for, if it is the one that does."""
        close = self.websocket.close_sent
        if close is not None and self.websocket.close_rcvd is None and close.code in _FAILURES:
            self.rejected(_FAILURES[close.code], close.reason)
