"""A device's open connection: frames in and out, pings, silence, and its end. No task of its own.

    open ──▶ closing ──▶ closed

It is open from the start: `services.gateway.connection.handshake` builds it when the handshake
is accepted. It is closing once a close frame was sent, and has 5 seconds for that. It is closed
when the transport is, from either state.
"""

import asyncio
from dataclasses import InitVar, dataclass, field
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from services.gateway import metrics
from services.gateway.auth.credentials import Proof
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.dialect import BadFrameError, Dialect
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.connection.fast_frames import HEAD_BYTES, PING, is_empty_pong, short_message
from services.gateway.connection.handshake_rules import shown_path_of
from services.gateway.connection.rate_limited_reader import (
    PIECE_BYTES,
    READ_BUFFER,
    Pause,
    RateLimitedReader,
)
from services.gateway.connection.websocket_protocol import DeviceProtocol, write_pending
from shared.contract.device_protocol import CloseCode, ErrorCode
from shared.contract.presence import RefusalReason, RejectionCode

CLOSING_SECONDS: Final = 5.0
"""How long a device may take to end the connection after it was closed or refused."""
_MAX_BAD_FRAMES: Final = 20
"""Bad frames in a row that cost a device its connection; a good one starts over."""
_REJECTION_OF: Final = {code: RejectionCode(code) for code in ErrorCode}
_FAILURES: Final[dict[int, RejectionCode]] = {
    CloseCode.PROTOCOL_ERROR: RejectionCode.PROTOCOL_ERROR,
    CloseCode.NOT_UTF8: RejectionCode.NOT_TEXT,
    CloseCode.TOO_BIG: RejectionCode.TOO_BIG,
}
"""Codes that the library closes with by itself (RFC 6455 section 7.4.1)."""
_DATA: Final = (Opcode.TEXT, Opcode.CONT, Opcode.BINARY)


@dataclass(slots=True, eq=False, repr=False)
class DeviceConnection(asyncio.BufferedProtocol):
    """The connection of one device whose handshake is accepted."""

    context: ConnectionContext
    endpoint: Endpoint
    device_id: InitVar[str]
    websocket: DeviceProtocol
    reader: RateLimitedReader
    """The handshake's, so that the bytes of the handshake count too."""
    handler: DeviceHandler = field(init=False)
    """Takes what comes; gone once the connection is closed."""
    dialect: Dialect = field(init=False)
    """How the device speaks."""
    proof: Proof | None = None  # what it was admitted with, if that was needed
    heard_at: float = field(init=False)
    """When the last bytes were read, by the context's clock."""
    is_open: bool = True
    """Whether messages may be sent and those received count.

    Kept here, not asked of the library each time: with many idle connections the library's
    object is not in the CPU's cache, and little else needs it.
    """
    writable: bool = field(init=False)
    """Whether the device reads as fast as we write."""
    due: int = 0
    _transport: asyncio.Transport = field(init=False)
    _ping_at: float = field(init=False)
    _fragments: list[bytes] | None = None
    _bad_frames: int = 0
    _is_between_messages: bool = True  # the library's; only `_receive_other` uses it
    _is_closing: bool = False

    def __post_init__(self, device_id: str) -> None:
        self._transport = self.reader.transport
        self.heard_at = self.context.clock()
        self._ping_at = self.heard_at + self.context.first_ping_after()
        self.dialect = self.endpoint.dialect
        # The transport reports only changes, and may have reported one to the handshake.
        self.writable = not self.reader.is_paused(Pause.UNREAD)
        self.handler = self.endpoint.handler(self, device_id)

    def open(self, early: bytes) -> None:
        """Begin, with the frames that came before the handshake was answered."""
        self.context.connections.add(self)
        self.context.addresses.add(self.reader.own_address)
        self.context.wheel.schedule(self, self._ping_at)
        oldest = self.endpoint.limits.connections.add(self.handler.device_id, self)
        if oldest is not None:
            self.context.failed.count(is_tls=self.reader.is_tls)
            oldest.handler.close_surplus()
        self.handler.on_open()
        if early:
            self._receive(early)

    # asyncio.BufferedProtocol

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - always as much
        """Return what to read into."""
        return READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read; close if the device has sent too fast for too long."""
        self.heard_at = now = self.context.clock()
        # A device that sends byte by byte pays for pieces as for frames.
        frames = self._receive(bytes(READ_BUFFER[:nbytes])) or 1
        reader = self.reader
        if too_fast_for := reader.spend(nbytes, frames, now):
            self._refuse_too_fast(too_fast_for)
        if nbytes == PIECE_BYTES or reader.unread_since is not None:
            reader.note_read(nbytes)

    def _refuse_too_fast(self, too_fast_for: float) -> None:
        """Close if the device has sent too fast for too long; what was read until now counts."""
        settings = self.context.settings
        if too_fast_for >= settings.too_fast_seconds and self.is_open:
            most = f"{settings.bytes_per_second} bytes a second"
            said = f"for {too_fast_for:.0f} s it sent more than {most}"
            self._reject(RejectionCode.TOO_FAST, said)
            self.close(CloseCode.TOO_FAST, f"send no more than {most}")

    def eof_received(self) -> bool:
        """Pass on the end of the stream; False lets the transport close itself."""
        self.websocket.receive_eof()
        self._write_pending()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up. A device that vanishes is normal and no event of its own."""
        if exc is not None or self.websocket.close_rcvd is None:
            metrics.VANISHED.inc()
        self.is_open = False
        self.context.wheel.cancel(self)
        self._give_up_place()
        self.context.unopened.discard(self)
        self.context.waiting.discard(self.handler)
        self.handler.on_lost()
        del self.handler  # not by the garbage collector: see `DeviceProtocol.break_cycle`
        self.websocket.break_cycle()
        self.reader.break_cycle()

    def _give_up_place(self) -> None:
        """Count no more among those that are open."""
        if self in self.context.connections:
            self.context.connections.discard(self)
            self.context.addresses.discard(self.reader.own_address)
            self.endpoint.limits.connections.discard(self.handler.device_id, self)

    @property
    def is_idle(self) -> bool:
        """Whether it may be cut off to make room, once it is closing."""
        return True

    def pause_writing(self) -> None:
        """Note that the device does not read as fast as we write."""
        self.writable = False
        # Then it is not read from either: its pings would pile up as pongs here. If that
        # lasts, it counts as silent.
        self.reader.pause(Pause.UNREAD)

    def resume_writing(self) -> None:
        """Let the handler send what is newest by now."""
        self.writable = True
        self.reader.resume(Pause.UNREAD)
        self.handler.on_writable()

    # Sending.

    @property
    def send_buffer_bytes(self) -> int:
        """How much was written and is not in the kernel yet."""
        return self._transport.get_write_buffer_size()

    def send_frame(self, frame: bytes) -> None:
        """Send a frame that is encoded already; only while `is_open`."""
        self._transport.write(frame)

    def pong(self, payload: bytes) -> None:
        """Answer a ping (RFC 6455 section 5.5.3)."""
        if self.is_open:
            self.websocket.send_pong(payload)
            self._write_pending()

    def send_text(self, message: bytes) -> None:
        """Send a text message."""
        if self.is_open:
            self.websocket.send_text(message)
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

    # Ending.

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake, once."""
        if self.is_open:
            metrics.CLOSED[code].inc()
            if code is CloseCode.NOT_REGISTERED:
                self.note_refusal(RefusalReason.NOT_REGISTERED)
                # Where no secret is asked for, a stranger has a new id each time.
                self.context.failed.count(is_tls=self.reader.is_tls)
            self.websocket.send_close(code, reason)
            self._write_pending()

    def fail(self, code: CloseCode, reason: str) -> None:
        """Close because the device broke a rule of WebSockets."""
        self.websocket.fail(code, reason)
        self._write_pending()

    def close_going_away(self) -> None:
        """Close because this gateway stops."""
        self.close(CloseCode.GOING_AWAY, "this gateway is stopping")

    def close_superseded(self) -> None:
        """Close because a newer connection of this charger counts."""
        if self.is_open:
            reason = "a newer connection of this charger exists"
            self._reject(RejectionCode.SUPERSEDED, reason)
            self.close(CloseCode.SUPERSEDED, reason)

    def note_refusal(self, reason: RefusalReason) -> None:
        """Note for the operator why this device cannot be connected."""
        path = self.dialect.paths[0] + self.handler.device_id
        if reason is RefusalReason.NOT_REGISTERED:
            path = shown_path_of(path)  # it may be a secret
        self.endpoint.note_refusal(reason, self.reader.address, path)

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()

    # Deadlines.

    @property
    def alive_at(self) -> float:
        """When the device's last bytes reached this machine, by the context's clock."""
        return self.context.clock() - self.reader.heard_ago()

    def on_timer(self, now: float) -> float | None:
        """Cut off a device that is silent or does not end; ping; return when to look again."""
        if not self.is_open:
            self.abort()
            return None
        settings = self.context.settings
        # While reading was paused, the silence was ours.
        silent_at = max(self.heard_at, self.reader.paused_until) + settings.silence_seconds
        if now >= silent_at:
            metrics.SILENT.inc()
            seconds = f"{settings.silence_seconds:g}"
            self._reject(RejectionCode.SILENT, f"it was not heard of for {seconds} s")
            self.abort()
            return None
        if now >= self._ping_at:
            # Counted from when it was due: after a process stood still, all connections are
            # served at once, and would ping at the same moment from then on.
            interval = settings.ping_interval_seconds
            self._ping_at = now + interval - (now - self._ping_at) % interval
            self.ping(self.handler.ping_payload())
        return min(self._ping_at, silent_at)

    # Receiving.

    def _receive(self, data: bytes) -> int:
        """Take frames; return how many."""
        if not self._is_between_messages:
            return self._receive_other(data)
        if len(data) == HEAD_BYTES and is_empty_pong(data, 0):
            # Nearly all segments from idle devices are this.
            if self.is_open:
                self.handler.on_pong(b"")
            return 1
        taken = start = 0
        while self.is_open:
            if (message := short_message(data, start)) is not None:
                self._receive_message(message)
                start += HEAD_BYTES + len(message)
            elif is_empty_pong(data, start):
                self.handler.on_pong(b"")
                start += HEAD_BYTES
            else:
                break
            taken += 1
            if start == len(data):
                return taken
        return taken + self._receive_other(data[start:])

    def _receive_other(self, data: bytes) -> int:
        """Take frames with the library; return how many."""
        websocket = self.websocket
        websocket.receive_frames(data)
        self._is_between_messages = websocket.is_between_messages
        self._follow_state()
        frames = websocket.events_received()
        for frame in frames:
            # Frames before the device's close frame count, although the library has
            # parsed that one too by now; frames after our own close frame do not.
            if isinstance(frame, Frame) and (not self._is_closing or self._tells_of_life(frame)):
                self._receive_frame(frame)
        self._write_pending()
        return len(frames)

    def _tells_of_life(self, frame: Frame) -> bool:
        return self.handler.superseded and frame.opcode is Opcode.PONG

    def _receive_frame(self, frame: Frame) -> None:
        if self.handler.superseded and frame.opcode in _DATA:
            self.close_superseded()
            return
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                self._receive_message(bytes(frame.data))
            case Opcode.TEXT:
                self.handler.on_message_begun()
                self._fragments = [bytes(frame.data)]
            case Opcode.CONT:
                self._receive_fragment(frame)
            case Opcode.BINARY if frame.fin:
                self._refuse_binary()
            case Opcode.PING:
                self.handler.on_ping(bytes(frame.data))
            case Opcode.PONG:
                self.handler.on_pong(bytes(frame.data))

    def _receive_fragment(self, frame: Frame) -> None:
        if self._fragments is not None:
            self._fragments.append(bytes(frame.data))
        if frame.fin:
            fragments, self._fragments = self._fragments, None
            if fragments is None:
                self._refuse_binary()
            else:
                self._receive_message(b"".join(fragments))

    def _receive_message(self, message: bytes) -> None:
        """Take a whole text message."""
        handler = self.handler
        if handler.superseded:
            self.close_superseded()
            return
        try:
            handler.on_message(message)
            self._bad_frames = 0
        except BadFrameError as error:
            self._refuse_message(error.code, error.message, counts=not error.is_harmless)
        except UnicodeDecodeError:
            # RFC 6455 section 8.1.
            self.fail(CloseCode.NOT_UTF8, "text is not UTF-8")

    def _refuse_binary(self) -> None:
        self._refuse_message(ErrorCode.NOT_TEXT, "messages are text (opcode 0x1), not binary (0x2)")

    def _refuse_message(self, code: ErrorCode, message: str, *, counts: bool = True) -> None:
        """Answer a bad message with an error event; close if there are too many."""
        metrics.BAD_FRAMES[code].inc()
        self._bad_frames += counts
        self._reject(_REJECTION_OF[code], message)
        if self._bad_frames > _MAX_BAD_FRAMES:
            many = f"more than {_MAX_BAD_FRAMES} in a row; the last one: {message}"
            self._reject(RejectionCode.TOO_MANY_BAD_FRAMES, many)
            self.close(CloseCode.POLICY, "too many bad frames")
            self._write_pending()  # nothing before the device's close counts now
        elif self.writable and (event := self.dialect.error_event(code, message)):
            self.send_text(event)

    def _reject(self, code: RejectionCode, message: str) -> None:
        """Note what was refused of the device."""
        self.endpoint.note_rejection(self.handler.device_id, code, message)

    def _follow_state(self) -> None:
        """Note that it is no longer open; called after each call of the library."""
        if self.websocket.state is not State.OPEN:
            self.is_open = False

    def _write_pending(self) -> None:
        """Write what the library has for the device; note that the connection is closing."""
        self._follow_state()
        write_pending(self.websocket, self._transport)
        if not self._is_closing and self.websocket.close_expected():
            self._is_closing = True
            self._note_failure()
            self._give_up_place()
            self.context.add_unopened(self)
            self.handler.on_closing()
            self.context.wheel.schedule(self, self.context.clock() + CLOSING_SECONDS)

    def _note_failure(self) -> None:
        """Note why the library closes this connection, if it does so by itself."""
        close = self.websocket.close_sent
        if close is not None and self.websocket.close_rcvd is None and close.code in _FAILURES:
            self._reject(_FAILURES[close.code], close.reason)
