"""A connection until its handshake is answered. No task of its own.

                 ┌─────────┐ head is right   ┌────────────────┐ accepted   ╔══════════════════╗
    ── made ───▶ │  HEAD   │ ──────────────▶ │ AUTHENTICATING │ ─────────▶ ║ DeviceConnection ║
                 └─────────┘                 └────────────────┘            ╚══════════════════╝
                    │    │ refused              │ refused, or not answered in time: 503
           deadline │    ▼                      ▼
                    │  ┌───────────────────────────┐
                    │  │ REFUSED: HTTP error sent  │
                    │  └───────────────────────────┘
                    ▼                │ the device ends the connection, or 5 s
                 ┌─────────┐         ▼
                 │  ENDED  │ ◀────────
                 └─────────┘

From every state the device's end of the connection leads to ENDED. Where no credentials
are asked for, AUTHENTICATING is skipped. While it lasts nothing is read, but frames may have
come in one piece with the head: they are *early*, and the `DeviceConnection` gets them first.
It takes over the transport, and with it what the handshake's bytes cost.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Final, cast

from websockets.http11 import Request

from services.gateway import metrics
from services.gateway.auth.credentials import secret_in
from services.gateway.connection import refusals
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import (
    CLOSING_SECONDS,
    DeviceConnection,
    Endpoint,
)
from services.gateway.connection.handshake_rules import examine
from services.gateway.connection.rate_limited_reader import READ_BUFFER, Pause, RateLimitedReader
from services.gateway.connection.refusals import Refusal
from services.gateway.connection.websocket_protocol import DeviceProtocol, write_pending
from services.gateway.known_pairing import KnownPairing
from shared.contract.presence import RejectionCode

_MAX_HEAD_BYTES: Final = 8192
_HEAD_END: Final = b"\r\n\r\n"
_PATIENCE_SECONDS: Final = 8.0
"""Devices that waited so long for their handshake are about to give up: many do after 10 s."""


class Phase(Enum):
    """How far a handshake is."""

    HEAD = "head"
    AUTHENTICATING = "authenticating"
    REFUSED = "refused"
    ENDED = "ended"
    """Handed over, or lost."""


@dataclass(slots=True, eq=False, repr=False)
class Handshake(asyncio.BufferedProtocol):
    """The handshake of one device."""

    context: ConnectionContext
    endpoint: Endpoint
    due: int = 0
    _transport: asyncio.Transport = field(init=False)
    _reader: RateLimitedReader = field(init=False)
    _request: Request = field(init=False)
    websocket: DeviceProtocol = field(default_factory=DeviceProtocol)
    _phase: Phase = Phase.HEAD
    _head: bytearray = field(default_factory=bytearray)
    _early: bytes = b""
    _device_id: str = ""

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline."""
        context = self.context
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._reader = RateLimitedReader(context, self._transport)
        context.connections.add(self)
        if len(context.connections) > context.most_sockets:
            # Not even a 503: that would need a file for as long as a handshake takes.
            metrics.CUT_OFF.inc()
            self.abort()
            return
        context.wheel.schedule(self, context.clock() + context.settings.handshake_seconds)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - always as much
        """Return what to read into."""
        return READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take a piece of the head, or all of it and early frames."""
        self._reader.spend(nbytes, 1, self.context.clock())
        if self._phase is Phase.HEAD:
            self._head += READ_BUFFER[:nbytes]
            self._look_for_end_of_head()
        self._reader.note_read(nbytes)

    def eof_received(self) -> bool:
        """Let the transport close itself."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - any end is alike
        """Clean up."""
        metrics.VANISHED.inc()
        self._end()
        self.websocket.break_cycle()

    def pause_writing(self) -> None:
        """Note that the device does not read its answer."""
        self._reader.pause(Pause.UNREAD)

    def resume_writing(self) -> None:
        """Note that the device reads again."""
        self._reader.resume(Pause.UNREAD)

    # What a gateway and its timer wheel call.

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - the wheel says it to all
        """End a handshake that takes too long."""
        if self._phase is Phase.AUTHENTICATING:
            # There was no result, because the directory is missing.
            self._refuse(refusals.NO_DIRECTORY)
        else:
            self.abort()

    def close_going_away(self) -> None:
        """Refuse a device that waits for its answer, because this gateway stops."""
        if self._phase is Phase.AUTHENTICATING:
            self._refuse(refusals.STOPPING)

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()

    # HEAD

    def _look_for_end_of_head(self) -> None:
        head = self._head
        end = head.find(_HEAD_END)
        if end < 0 and len(head) <= _MAX_HEAD_BYTES:
            return
        self._head = bytearray()
        end += len(_HEAD_END)
        if end < len(_HEAD_END) or end > _MAX_HEAD_BYTES:
            self._refuse(refusals.HEAD_TOO_LARGE)
        elif self._reader.heard_ago() > _PATIENCE_SECONDS:
            # More devices connect than there is time for; they wait in the kernel, the oldest
            # first. Serving devices that are about to give up would make all others late.
            metrics.OVERDUE.inc()
            self._refuse(refusals.OVERDUE)
        else:
            # The library would parse early frames with the head, before the answer is sent.
            self._early = bytes(head[end:])
            self._examine(bytes(head[:end]))

    def _examine(self, head: bytes) -> None:
        websocket, endpoint = self.websocket, self.endpoint
        websocket.receive_data(head)
        requests = websocket.events_received()
        if not requests or not isinstance(requests[0], Request):
            # Not HTTP, or too much of it: the library has its answer ready.
            self._wait_for_end()
            return
        self._request = request = requests[0]
        examined = examine(request, endpoint.dialect.paths, self.context.settings.origins)
        refusal = examined if isinstance(examined, Refusal) else self.context.refusal()
        if refusal is not None:
            self._refuse(refusal)
            return
        self._device_id = device_id = str(examined)
        if endpoint.authenticate is None:
            self._accept()
            return
        self._phase = Phase.AUTHENTICATING
        self._reader.pause(Pause.AUTHENTICATING)
        endpoint.authenticate(self, device_id, secret_in(request.headers, device_id))

    # AUTHENTICATING (`services.gateway.auth.authenticator.PendingHandshake`)

    @property
    def is_pending(self) -> bool:
        """Whether the handshake waits for the result of the authentication."""
        return self._phase is Phase.AUTHENTICATING

    def on_auth_deferred(self) -> None:
        """Wait for the directory, or give up if too many devices do."""
        waiting = self.context.waiting
        if not self.is_pending or self in waiting:
            return
        # Checked again: a whole crowd passes the first check before any of it waits.
        if self.context.may_wait():
            waiting.add(self)
        else:
            self._refuse(refusals.NO_DIRECTORY)

    def on_auth_result(self, *, admitted: bool, pairing: KnownPairing | None = None) -> None:
        """Answer the handshake."""
        if not self.is_pending:
            return
        if self.context.draining:
            # A device that came in now might miss the close.
            self._refuse(refusals.STOPPING)
        elif admitted:
            self._accept(pairing)
        else:
            self._refuse(refusals.UNAUTHORIZED)
            self.endpoint.note_rejection(
                self._device_id, RejectionCode.UNAUTHORIZED, "its secret is missing or wrong"
            )

    # Answers.

    def _accept(self, pairing: KnownPairing | None = None) -> None:
        """Answer, and hand the transport over to a device connection."""
        websocket, transport = self.websocket, self._transport
        # Else the device has sent something that may be from before this pairing.
        if self._early or self._reader.has_unread:
            pairing = None
        response = websocket.accept(self._request)
        websocket.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            # A good path, but no handshake of a WebSocket.
            metrics.count_refusal(response.status_code)
            self._wait_for_end()
            return
        write_pending(websocket, transport)
        self._end()
        connection = DeviceConnection(
            self.context, self.endpoint, self._device_id, websocket, self._reader
        )
        if pairing is not None:
            connection.handler.on_pairing_read(pairing)
        transport.set_protocol(connection)
        self._reader.resume(Pause.AUTHENTICATING)
        connection.open(self._early)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with an HTTP error."""
        metrics.count_refusal(refusal.status)
        response = self.websocket.reject(refusal.status, refusal.text)
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = str(refusal.retry_after)
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="chargelight"'
        self.websocket.send_response(response)
        self._wait_for_end()

    # REFUSED and ENDED

    def _wait_for_end(self) -> None:
        """Send the error that the library has ready, and wait for the device to end."""
        self._phase = Phase.REFUSED
        self._early = b""  # this object stays for a while yet
        self.context.waiting.discard(self)
        self._reader.resume(Pause.AUTHENTICATING)  # else the device's end would not be noticed
        write_pending(self.websocket, self._transport)
        self.context.wheel.schedule(self, self.context.clock() + CLOSING_SECONDS)

    def _end(self) -> None:
        self._phase = Phase.ENDED
        self.due = -1  # voids its entry in the wheel
        self.context.connections.discard(self)
        self.context.waiting.discard(self)
