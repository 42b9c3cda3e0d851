"""The seam for device dialects: what a device's messages mean, apart from connections.

Handshakes, frames, pings and deadlines are the same for all devices. A `Dialect` says what
differs. Ours is JSON as in ``docs/protocol.md``: `JSON_CHARGERS` beside `ChargerConnection`,
`JSON_WIDGETS` beside `WidgetConnection`. Chargers on sale speak `OCPP`, beside `OcppConnection`:
`Handshake` picks it by what the device offers (`Endpoint.negotiate`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from pydantic import SecretStr
from websockets.datastructures import Headers

from services.gateway.auth.credentials import secret_in
from services.gateway.connection.handshake_rules import path_of
from shared.contract.device_protocol import ERROR_EVENT, MAX_MESSAGE_BYTES, ErrorCode


class BadFrameError(Exception):
    """A message that changes nothing; the device is told why.

    Attributes:
        code: One of the documented codes.
        message: For the firmware developer: what is expected.
        is_harmless: Whether it does not count toward those that close the connection.
    """

    def __init__(self, code: ErrorCode, message: str, *, is_harmless: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_harmless = is_harmless


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of device speaks."""

    paths: tuple[str, ...]
    """What comes before the id in the URL paths that it is served on."""
    decode: Callable[[bytes], float]
    """Returns the state of charge in a message, in percent. It is that of the device in the
    path: a connection reports for one charger.

    Raises `BadFrameError`, or UnicodeDecodeError for text that is not UTF-8.
    """
    error_event: Callable[[ErrorCode, str], bytes]
    """Returns the message that refuses a bad one, from a `BadFrameError`'s code and message;
    empty: there is none."""
    path_of: Callable[[str], str] = path_of
    """Returns the path that a request's target means."""
    secret_in: Callable[[Headers, str], SecretStr] = secret_in
    """Returns the secret that a handshake presents, for the device's id."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    """Largest message, fragments added up."""


@lru_cache(256)  # nearly all are a handful; but a message may name any byte and position
def json_error_event(code: ErrorCode, message: str) -> bytes:
    """Return an ``error`` event."""
    return msgspec.json.encode({"event": ERROR_EVENT, "data": {"code": code, "message": message}})
