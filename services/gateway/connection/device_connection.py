"""One device's connection: bytes in, bytes out, deadlines. No task of its own.

`RateLimitedReader` says how much is read, `Framing` what of it is a message; here it is
opened, timed
and ended. What the messages mean is the business of the two subclasses,
`ChargerConnection` and `WidgetConnection`.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, cast

from websockets.http11 import Request
from websockets.protocol import State

from services.gateway import metrics
from services.gateway.auth.authenticator import Authenticate
from services.gateway.auth.credentials import secret_in
from services.gateway.connection import refusals
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.framing import Framing
from services.gateway.connection.handshake_rules import Refusal, examine
from services.gateway.connection.rate_limited_reader import Pause
from shared.contract.device_protocol import CloseCode
from shared.contract.presence import RejectionCode

_MAX_HEAD_BYTES: Final = 8192
_HEAD_END: Final = b"\r\n\r\n"
_PATIENCE_SECONDS: Final = 8.0
"""Devices that waited so long for their handshake are about to give up: many do after 10 s."""


class Connection(Framing):
    """A device's connection, from its first byte to its last.

    Args:
        gate: What it shares with the others.
        prefixes: URL paths served on its port, up to the id.
        ask_doorkeeper: Judges its credentials; None where none are asked for.
    """

    __slots__ = (
        "_ask_doorkeeper",
        "_early",
        "_head",
        "_is_opened",
        "_prefixes",
        "_request",
        "device_id",
        "opened_at",
    )

    def __init__(
        self, gate: ConnectionContext, prefixes: Sequence[str], ask_doorkeeper: Authenticate | None
    ) -> None:
        super().__init__(gate)
        self._ask_doorkeeper = ask_doorkeeper
        self._prefixes = prefixes
        self._head: bytearray | None = bytearray()
        self._request: Request | None = None
        self._early = b""
        self._is_opened = False
        self.device_id = ""

    # What the subclasses say to it.

    def opened(self) -> None:
        """The handshake is done; ``device_id`` is set."""
        raise NotImplementedError

    def ping_payload(self) -> bytes:
        """Return what the pings that keep a connection alive carry."""
        return b""

    def drained(self) -> None:
        """What was written has left; ``writable`` is true again."""

    def lost(self) -> None:
        """The connection has ended, whichever way."""
        raise NotImplementedError

    # asyncio.BufferedProtocol, but for what `RateLimitedReader` does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake's deadline."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        now = self._gate.clock()
        self.opened_at = self._heard_at = now
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
        self.is_open = False
        self.due = -1  # voids its entry in the wheel
        self._gate.connections.discard(self)
        self._gate.waiting.discard(self)
        if self._is_opened:
            self.lost()
        self.websocket.let_go()

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
        if now >= self._ping_at:
            # By its turn, not by when it was served: else all that a process which stood
            # still finds due would have the same turn from then on.
            interval = settings.ping_interval_seconds
            self._ping_at = now + interval - (now - self._ping_at) % interval
            self.ping(self.ping_payload())
        return min(self._ping_at, silent_at)

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
            self.on_auth_result(admitted=True)
            return
        # Until it is judged no more is read than what came already.
        self._pause(Pause.JUDGING)
        self._ask_doorkeeper(self, device_id, secret_in(self._request.headers, device_id))

    @property
    def is_pending(self) -> bool:
        """Whether the handshake waits for its answer."""
        waits = self._request is not None and self.websocket.state is State.CONNECTING
        return waits and not self._lost

    def on_auth_deferred(self) -> None:
        """Count among those that wait for the directory, or give up if they are too many."""
        waiting = self._gate.waiting
        if not self.is_pending or self in waiting:
            return
        # Asked again: a crowd comes in before the first of it is found undecided.
        if self._gate.may_wait():
            waiting.add(self)
        else:
            self._give_up(refusals.NO_DIRECTORY)

    def on_auth_result(self, *, admitted: bool) -> None:
        """Answer the handshake."""
        request = self._request
        if request is None or not self.is_pending:
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
        self.opened_at = self._heard_at = now
        self._ping_at = now + self._gate.first_ping_after()
        self._gate.wheel.schedule(self, self._ping_at)
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
