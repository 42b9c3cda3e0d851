"""Which dialect a handshake gets: by the subprotocols that it offers, and by nothing else."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote

from services.gateway.connection.handshake_rules import origin_form_of

_FAMILY: Final = "ocpp"
_BEGIN: Final = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*2[ \t\r\n]*,")


class Version(StrEnum):
    """A version of OCPP, by its subprotocol."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


class Choice(NamedTuple):
    """What becomes of a handshake."""

    version: Version | None = None
    """None: our own dialect, or none at all if it is refused."""
    subprotocol: str | None = None
    """What the answer has for ``Sec-WebSocket-Protocol``, as the charger spells it; None: no such
    header."""
    is_refused: bool = False
    """The handshake is completed, so that the charger notices, and the connection closed at once
    with 1002 (RFC 6455 section 7.4.1)."""


_KNOWN: Final = {version.value: version for version in Version}
NATIVE: Final = Choice()
REFUSED: Final = Choice(is_refused=True)


def choose(headers: Iterable[str]) -> Choice:
    """Choose by the values of all ``Sec-WebSocket-Protocol`` headers, in their order."""
    offered = [name.strip() for value in headers for name in value.split(",")]
    for name in offered:
        if (version := _KNOWN.get(name.lower())) is not None:
            return Choice(version, name)
    return REFUSED if any(name.lower().startswith(_FAMILY) for name in offered) else NATIVE


def begins_call(message: bytes) -> bool:
    """Tell whether a connection's first message is a CALL of OCPP; no reading begins like one."""
    return _BEGIN.match(message) is not None


def path_of(target: str) -> str:
    """Return the path that a charger's target means, if it offers OCPP.

    Undone is, once each, what is appended to a configured address in more ways than one: escapes,
    a doubled slash, a trailing slash.
    """
    return unquote(origin_form_of(target)).replace("//", "/", 1).removesuffix("/")
