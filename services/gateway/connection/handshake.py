"""A connection until its handshake is answered. No task of its own.

                 ┌─────────┐ its turn:       ┌────────────────┐ accepted   ╔══════════════════╗
    ── made ───▶ │  HEAD,  │ head is right   │ AUTHENTICATING │ ─────────▶ ║ DeviceConnection ║
                 │ WAITING │ ──────────────▶ │                │            ╚══════════════════╝
                 └─────────┘                 └────────────────┘
                    │    │ refused              │ refused, or not answered in time: 503
           deadline │    ▼                      ▼
                    │  ┌───────────────────────────┐      (a wrong secret may be
                    │  │ REFUSED: HTTP error sent  │       DELAYED for a while first)
                    │  └───────────────────────────┘
                    ▼                │ the device ends the connection, or 5 s
                 ┌─────────┐         ▼
                 │  ENDED  │ ◀────────
                 └─────────┘

From every state the device's end of the connection leads to ENDED. Where no credentials
are asked for, AUTHENTICATING is skipped. While it lasts, or the handshake waits for its turn,
nothing is read, but frames may have come in one piece with the head: they are *early*, and the
`DeviceConnection` gets them first. It takes over the transport, and with it what the handshake's
bytes cost.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Final, cast

from websockets.exceptions import InvalidMessage
from websockets.http11 import Request

from services.gateway import metrics
from services.gateway.auth.credentials import Presented, Proof
from services.gateway.connection import refusals
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import CLOSING_SECONDS, DeviceConnection
from services.gateway.connection.endpoint import Endpoint
from services.gateway.connection.handshake_rules import (
    HEAD_END,
    begins_tls,
    describe_mistake,
    examine,
    shown_path_of,
)
from services.gateway.connection.rate_limited_reader import READ_BUFFER, Pause, RateLimitedReader
from services.gateway.connection.refusals import Refusal
from services.gateway.connection.tls_layer import tls_object_of
from services.gateway.connection.websocket_protocol import DeviceProtocol, write_pending
from services.gateway.kernel import address_of
from services.gateway.known_pairing import KnownPairing
from shared.contract.presence import RefusalReason, RejectionCode
from shared.process.tls.server_tls import ServerTls

_MAX_HEAD_BYTES: Final = 8192
_PATIENCE_SECONDS: Final = 8.0
"""Devices that waited so long for their handshake are about to give up: many do after 10 s."""
_NOT_ADMITTED: Final = "its secret or certificate is missing or wrong"


class Phase(Enum):
    """How far a handshake is."""

    HEAD = "head"
    WAITING = "waiting"
    """Its head is there; it waits for its turn."""
    AUTHENTICATING = "authenticating"
    DELAYED = "delayed"
    """Its secret is wrong; it is told so later."""
    REFUSED = "refused"
    ENDED = "ended"
    """Handed over, or lost."""


@dataclass(slots=True, eq=False, repr=False)
class Handshake(asyncio.BufferedProtocol):
    """The handshake of one device."""

    context: ConnectionContext
    endpoint: Endpoint
    address: str = ""
    """The device's, if a balancer told it."""
    is_own_address: bool = False
    """Whether that is certain: it is not a balancer's."""
    tls: ServerTls | None = None
    """The port's."""
    due: int = 0
    _transport: asyncio.Transport = field(init=False)
    _reader: RateLimitedReader = field(init=False)
    _request: Request = field(init=False)
    _websocket: DeviceProtocol | None = None
    _phase: Phase = Phase.HEAD
    _head: bytearray = field(default_factory=bytearray)
    _early: bytes = b""
    _target: str = ""
    """What it asks for, once that can be read."""
    _subprotocol: str | None = None
    """What the device is told of those that it offers."""
    _device_id: str = ""
    _asked_at: float = 0.0
    """When its request reached this machine, by the context's clock."""

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the deadline."""
        context = self.context
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        if context.settings.without_balancer:
            self.address, self.is_own_address = address_of(transport), True
        own_address = self.address if self.is_own_address else ""
        self._reader = RateLimitedReader(context, self._transport, self.address, own_address)
        context.add_unopened(self)
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
        if self.tls is not None and self._phase in {Phase.HEAD, Phase.WAITING}:
            self._count_failed()  # TLS took time
        self._end()
        if self._websocket is not None:
            self._websocket.break_cycle()
        self._reader.break_cycle()

    def pause_writing(self) -> None:
        """Note that the device does not read its answer."""
        self._reader.pause(Pause.UNREAD)

    def resume_writing(self) -> None:
        """Note that the device reads again."""
        self._reader.resume(Pause.UNREAD)

    @property
    def websocket(self) -> DeviceProtocol:
        """Its protocol; in a flood most are cut off before they need one, which takes time."""
        if self._websocket is None:
            self._websocket = DeviceProtocol()
        return self._websocket

    # What a gateway and its timer wheel call.

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - the wheel says it to all
        """End a handshake that takes too long."""
        if self._phase is Phase.AUTHENTICATING:
            # There was no result, because the directory is missing.
            self._refuse(refusals.NO_DIRECTORY)
        elif self._phase is Phase.DELAYED:
            self._refuse(refusals.UNAUTHORIZED)
        elif self._phase is Phase.WAITING:
            metrics.OVERDUE.inc()
            self._refuse(refusals.OVERDUE)
        else:
            self.abort()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the device, or is refused."""
        if self._phase is Phase.HEAD:
            return not self._reader.has_unread
        return self._phase not in {Phase.WAITING, Phase.AUTHENTICATING}

    def close_going_away(self) -> None:
        """Refuse a device that waits for its answer, because this gateway stops."""
        if self._phase in {Phase.WAITING, Phase.AUTHENTICATING}:
            self._refuse(refusals.STOPPING)
        elif self._phase is Phase.DELAYED:
            self._refuse(refusals.UNAUTHORIZED)

    def abort(self) -> None:
        """Cut the connection off."""
        self._transport.abort()

    # HEAD

    def _look_for_end_of_head(self) -> None:
        head = self._head
        is_whole = begins_tls(head) or HEAD_END.search(head) or len(head) > _MAX_HEAD_BYTES
        if not is_whole:
            return
        self._phase = Phase.WAITING
        # With TLS it had its turn before TLS began.
        if self.tls is not None or self.context.turns.take():
            self._take_head()
            return
        self._reader.pause(Pause.UNANSWERED)
        if not self.context.turns.wait(self._reader.address, self._take_head):
            metrics.CUT_OFF.inc()
            self.abort()

    def _take_head(self) -> None:
        if self._phase is not Phase.WAITING:
            return  # it ended meanwhile
        head, self._head = self._head, bytearray()
        is_tls, found = begins_tls(head), HEAD_END.search(head)
        waited = self._reader.heard_ago()
        self._asked_at = self.context.clock() - waited
        if is_tls:
            self._refuse(refusals.TLS)
        elif found is None or (end := found.end()) > _MAX_HEAD_BYTES:
            self._refuse(refusals.HEAD_TOO_LARGE)
        elif waited > _PATIENCE_SECONDS:
            # More devices connect than there is time for; they wait in the kernel, the oldest
            # first. Serving devices that are about to give up would make all others late.
            metrics.OVERDUE.inc()
            self._refuse(refusals.OVERDUE)
        else:
            # The library would parse early frames with the head, before the answer is sent.
            self._early = bytes(head[end:])
            self._examine(bytes(head[:end]))

    def _examine(self, head: bytes) -> None:
        websocket = self.websocket
        websocket.receive_data(head)
        requests = websocket.events_received()
        if not requests or not isinstance(requests[0], Request):
            self._refuse_malformed(head)
            return
        self._request = request = requests[0]
        self._target = request.path
        offered = request.headers.get_all("Sec-WebSocket-Protocol")
        if offered and self.endpoint.negotiate is not None:
            self.endpoint, self._subprotocol = self.endpoint.negotiate(offered)
        endpoint, dialect = self.endpoint, self.endpoint.dialect
        examined = examine(request, dialect.paths, self.context.origins, dialect.path_of)
        refusal = examined if isinstance(examined, Refusal) else self.context.refusal()
        if refusal is not None:
            self._refuse(refusal)
            return
        self._device_id = device_id = str(examined)
        if endpoint.authenticate is None:
            self._accept()
            return
        self._phase = Phase.AUTHENTICATING
        self._reader.pause(Pause.UNANSWERED)
        certificate = self._transport.get_extra_info("peercert")
        secret = dialect.secret_in(request.headers, device_id)
        endpoint.authenticate(self, device_id, Presented(secret, certificate))

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

    def on_auth_result(
        self,
        *,
        admitted: bool,
        registered: bool = False,
        pairing: KnownPairing | None = None,
        proof: Proof | None = None,
    ) -> None:
        """Answer the handshake."""
        if not self.is_pending:
            return
        if self.context.draining:
            # A device that came in now might miss the close.
            self._refuse(refusals.STOPPING)
        elif admitted:
            self._accept(pairing, proof)
        else:
            self._refuse_secret(registered_id=self._device_id if registered else None)

    def _refuse_secret(self, registered_id: str | None) -> None:
        """Answer, soon or after a while, that a secret or certificate is missing or wrong."""
        self.endpoint.note_rejection(self._device_id, RejectionCode.UNAUTHORIZED, _NOT_ADMITTED)
        self._note(RefusalReason.UNAUTHORIZED, registered_id)
        delay = self.endpoint.limits.failures.delay(self._device_id)
        if not delay:
            self._refuse(refusals.UNAUTHORIZED)
            return
        self._phase = Phase.DELAYED
        self._count_failed()
        self._early = b""
        self.context.waiting.discard(self)
        self._reader.resume(Pause.UNANSWERED)  # else the device's end would not be noticed
        self.context.wheel.schedule(self, self.context.clock() + delay)

    # Answers.

    def _accept(self, pairing: KnownPairing | None = None, proof: Proof | None = None) -> None:
        """Answer, and hand the transport over to a device connection."""
        if (refusal := self._limit_reached()) is not None:
            self._refuse(refusal)
            return
        websocket, transport = self.websocket, self._transport
        # Else the device has sent something that may be from before this pairing.
        if self._early or self._reader.has_unread:
            pairing = None
        response = websocket.accept(self._request)
        if self._subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = self._subprotocol
        websocket.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            # A good path, but no handshake of a WebSocket.
            metrics.count_refusal(response.status_code)
            self._count_failed()
            self._note(RefusalReason.NOT_WEBSOCKET)
            self._wait_for_end()
            return
        write_pending(websocket, transport)
        metrics.HANDSHAKE_SECONDS.observe(self.context.clock() - self._asked_at)
        self._end()
        websocket.max_fragment_size = self.endpoint.dialect.max_message_bytes
        connection = DeviceConnection(
            self.context, self.endpoint, self._device_id, websocket, self._reader
        )
        connection.proof = proof
        if pairing is not None:
            connection.handler.on_pairing_read(pairing)
        transport.set_protocol(connection)
        self._reader.resume(Pause.UNANSWERED)
        connection.open(self._early)

    def _limit_reached(self) -> Refusal | None:
        """Return why a device that is who it says is not connected now, or None."""
        refusal = self.context.refusal_of_device(self._reader.own_address)
        if refusal is not None:
            return refusal
        if self._is_checked_with_old_files:
            return refusals.NEW_FILES
        wait = self.endpoint.limits.rate.connect(self._device_id)
        return refusals.too_often(wait) if wait else None

    @property
    def _is_checked_with_old_files(self) -> bool:
        """Whether its certificate may have been revoked since TLS has checked it."""
        tls = tls_object_of(self._transport)
        if tls is None or self.tls is None or not tls.getpeercert(binary_form=True):
            return False
        return tls.context is not self.tls.context

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with an HTTP error."""
        metrics.count_refusal(refusal.status)
        # Else the hub is to blame, or it is counted already.
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR and self._phase is not Phase.DELAYED:
            self._count_failed()
        if refusal.reason is not None:
            self._note(refusal.reason)
        response = self.websocket.reject(refusal.status, refusal.text)
        if refusal.retry_after is not None:
            response.headers["Retry-After"] = str(refusal.retry_after)
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="chargelight"'
        self.websocket.send_response(response)
        self._wait_for_end()

    def _refuse_malformed(self, head: bytes) -> None:
        """Answer what is no HTTP, or has too many headers."""
        is_http = not isinstance(self.websocket.handshake_exc, InvalidMessage)
        mistake = Refusal(
            HTTPStatus.BAD_REQUEST, describe_mistake(head), reason=RefusalReason.NOT_WEBSOCKET
        )
        # The library has given this one up, without an answer.
        self.websocket.break_cycle()
        self._websocket = None
        self._refuse(refusals.HEAD_TOO_LARGE if is_http else mistake)

    def _note(self, reason: RefusalReason, registered_id: str | None = None) -> None:
        """Note for the operator who could not connect; a registered id is shown whole."""
        path = shown_path_of(self._target)
        if registered_id is not None:
            path = self.endpoint.dialect.paths[0] + registered_id
        self.endpoint.note_refusal(reason, self._reader.address, path)

    def _count_failed(self) -> None:
        self.context.failed.count(is_tls=self.tls is not None)

    # REFUSED and ENDED

    def _wait_for_end(self) -> None:
        """Send the error that the library has ready, and wait for the device to end."""
        self._phase = Phase.REFUSED
        self._early = b""  # this object stays for a while yet
        self.context.waiting.discard(self)
        self._reader.resume(Pause.UNANSWERED)  # else the device's end would not be noticed
        write_pending(self.websocket, self._transport)
        self.context.wheel.schedule(self, self.context.clock() + CLOSING_SECONDS)

    def _end(self) -> None:
        self._phase = Phase.ENDED
        self.context.wheel.cancel(self)
        self.context.unopened.discard(self)
        self.context.waiting.discard(self)
