"""A port that devices of one kind connect to, and who takes what comes on a connection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.gateway.auth.authenticator import Authenticate
from services.gateway.connection.dialect import Dialect
from services.gateway.known_pairing import KnownPairing
from services.gateway.limits.per_id import LimitsPerId
from shared.contract.device_protocol import CloseCode
from shared.contract.presence import RefusalReason, RejectionCode

_Connection = Any
"""A `DeviceConnection`: it knows this module, so this one does not know it."""


class DeviceHandler:
    """Takes what comes on a device's connection; each kind of device has a subclass.

    Attributes:
        superseded: A newer connection of this device counts. The next message closes this one.
    """

    __slots__ = ("connection", "device_id")

    superseded: bool = False

    def __init__(self, connection: _Connection, device_id: str) -> None:
        self.connection = connection
        self.device_id = device_id

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent and those received count."""
        is_open: bool = self.connection.is_open
        return is_open

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake, once."""
        self.connection.close(code, reason)

    def on_open(self) -> None:
        """The handshake is answered."""

    def close_surplus(self) -> None:
        """Close: there are newer connections of this device, as many as it may have."""
        self.close(CloseCode.POLICY, "too many connections of this device")

    def on_pairing_read(self, pairing: KnownPairing) -> None:
        """The pairing was read before the 101; nothing that comes was sent before that."""

    def on_message_begun(self) -> None:
        """The first of several fragments of a text message came."""

    def on_message(self, message: bytes) -> None:
        """A whole text message came.

        Raises:
            BadFrameError: It is a bad one.
            UnicodeDecodeError: It is not UTF-8.
        """
        raise NotImplementedError

    def on_ping(self, payload: bytes) -> None:
        """The device wants a pong; it is due once all messages before the ping are handled."""
        self.connection.pong(payload)

    def on_pong(self, payload: bytes) -> None:
        """The device answered a ping."""

    def ping_payload(self) -> bytes:
        """Return what the pings that keep a connection alive carry."""
        return b""

    def on_writable(self) -> None:
        """What was written has left; the connection is writable again."""

    def on_closing(self) -> None:
        """The connection is about to end; nothing that it receives counts any more."""

    def on_lost(self) -> None:
        """The connection has ended."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What differs between the two ports that devices connect to."""

    dialect: Dialect
    handler: Callable[[_Connection, str], DeviceHandler]
    """Makes the handler of a connection, for a device's id."""
    note_rejection: Callable[[str, RejectionCode, str], None]
    """Notes what was refused of a device."""
    authenticate: Authenticate | None = None
    """Checks credentials; None where none are asked for."""
    note_refusal: Callable[[RefusalReason, str, str], None] = lambda *_: None
    """Notes who could not connect: the reason, the address, and the path."""
    limits: LimitsPerId[_Connection] = field(default_factory=LimitsPerId)
    negotiate: Callable[[Sequence[str]], "Negotiated"] | None = None
    """Picks by the values of ``Sec-WebSocket-Protocol``; None: these change nothing."""


class Negotiated(NamedTuple):
    """What a device gets that offers subprotocols."""

    endpoint: Endpoint
    subprotocol: str | None
    """What it is told of them; None: nothing."""
