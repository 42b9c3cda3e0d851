"""Which handshakes are right, and what is wrong with the others. Without I/O."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request

from services.gateway.connection.origins import OriginRule
from services.gateway.connection.refusals import WEB_PAGE, Refusal
from shared.contract.credentials import MINIMUM_SECRET_LENGTH
from shared.contract.devices import ID_RULE, is_device_id
from shared.contract.presence import RefusalReason

_AUTHORITY: Final = re.compile(r"(?:http|ws)s?://[^/?#@]+(?=/)", re.IGNORECASE)
_ESCAPED_UNRESERVED: Final = re.compile(
    r"%(2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)", re.IGNORECASE
)
"""A letter, a digit, ``-``, ``.``, ``_`` or ``~`` (RFC 3986 section 2.3)."""

_SHOWN: Final = re.compile(r"(?:/[A-Za-z0-9._-]*){1,2}")
_SHOWN_OF_LONG_WORD: Final = 8
"""Characters of a word that is long enough to be a secret."""

HEAD_END: Final = re.compile(rb"\n\r?\n")
"""The end of a head. In a right one all lines end with CR LF (RFC 9112 section 2.1); one with
bare LF is taken as a whole too, to be refused for that."""
_CLIENT_HELLO: Final = b"\x16\x03"
"""How TLS begins: a handshake record of SSL 3.0 or later (RFC 8446 section 5.1)."""

_MISTAKES: Final = [
    (re.compile(rb"PROXY |\r\n\r\n"), "this port takes no PROXY line: do not have one sent"),
    (re.compile(rb"(?!GET [!-~]+ HTTP/1\.1\r\n)"), "the first line must be: GET /path HTTP/1.1"),
    (re.compile(rb"(?s).*?\r\n[ \t]"), "a header must stand on one line"),
    (
        re.compile(rb"(?is).*?\r\n(?:Content-Length:(?![ \t]*0[ \t]*\r)|Transfer-Encoding:)"),
        "it must have no body: leave out Content-Length and Transfer-Encoding",
    ),
]
_NOT_IN_A_HEAD: Final = re.compile(rb"[^\t\r\n -~\x80-\xff]|(?<!\r)\n|\r(?!\n)")


def origin_form_of(target: str) -> str:
    """Return a request's target without an authority and a query."""
    authority, path = _AUTHORITY.match(target), target.partition("?")[0]
    return path[authority.end() :] if authority else path


def path_of(target: str) -> str:
    """Return the path that a request's target means; it never has a query.

    Undone is what some clients and proxies do to a right one: an absolute form (RFC 9112
    section 3.2.2), escapes where none are needed, one doubled or trailing slash.
    """
    path = origin_form_of(target)
    path = _ESCAPED_UNRESERVED.sub(lambda escape: chr(int(escape[1], 16)), path)
    return path.replace("//", "/", 1) if "//" in path else path.removesuffix("/")


def shown_path_of(target: str) -> str:
    """Return as much of a target's path as may be shown: no secret can be in it.

    That is two words that look like a kind and an id; the dots stand for the rest. A secret may
    stand where the id belongs, so of a word that is long enough only the beginning is shown.
    """
    path = path_of(target)
    found = _SHOWN.match(path)
    if found is None or "@" in path:
        return ""
    shown = ""
    for word in found[0].split("/")[1:]:
        if len(word) >= MINIMUM_SECRET_LENGTH:
            return f"{shown}/{word[:_SHOWN_OF_LONG_WORD]}..."
        shown += f"/{word}"
    return shown if shown == path else f"{shown}..."


def device_id_of(
    target: str, prefixes: Sequence[str], path_of: Callable[[str], str] = path_of
) -> str | None:
    """Return the id in a target such as ``/chargers/c1234``, or None if there is none."""
    path = path_of(target)
    for prefix in prefixes:
        if path.startswith(prefix):
            device_id = path[len(prefix) :]
            return device_id if is_device_id(device_id) else None
    return None


def examine(
    request: Request,
    prefixes: Sequence[str],
    origins: OriginRule,
    path_of: Callable[[str], str] = path_of,
) -> str | Refusal:
    """Return the device's id in a handshake request, or why it is refused.

    ``prefixes`` are the paths served on this port, up to the id; ``path_of`` says which path a
    target means.
    """
    device_id = device_id_of(request.path, prefixes, path_of)
    if device_id is None:
        served = " or ".join(f"{prefix}{{id}}" for prefix in prefixes)
        return Refusal(
            HTTPStatus.NOT_FOUND,
            f"This port serves {served}, where {ID_RULE}\n",
            reason=RefusalReason.WRONG_PATH,
        )
    try:
        origin = request.headers.get("Origin")
        host = "" if origin is None else request.headers.get("Host", "")
    except MultipleValuesError:
        return Refusal(
            HTTPStatus.BAD_REQUEST,
            "More than one Origin or Host header.\n",
            reason=RefusalReason.NOT_WEBSOCKET,
        )
    if origin is not None and not origins.admits(origin, host):
        return WEB_PAGE
    return device_id


def begins_tls(data: bytes | bytearray) -> bool:
    """Tell whether a stream begins as one of TLS does."""
    return data.startswith(_CLIENT_HELLO)


def describe_mistake(head: bytes) -> str:
    """Return what is wrong with a head that cannot be parsed: a sentence without its parts.

    The library says it too, but repeats what it got, which may be a secret.
    """
    for pattern, mistake in _MISTAKES:
        if pattern.match(head):
            return f"This is not a WebSocket handshake: {mistake}.\n"
    if (wrong := _NOT_IN_A_HEAD.search(head)) is not None:
        byte = f"byte 0x{wrong[0][0]:02x} at position {wrong.start()}"
        return f"This is not a WebSocket handshake: {byte} does not belong there.\n"
    return "This is not a WebSocket handshake: a header must be one line, Name: value.\n"
