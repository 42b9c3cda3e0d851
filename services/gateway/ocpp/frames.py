"""Frames of OCPP-J: arrays that are calls, results or errors. Decoding and encoding them.

The same in all versions (OCPP-J 1.6 and 2.0.1, section 4.2); 2.1 adds two, which need no answer.
"""

from enum import StrEnum
from typing import Final, Literal, NamedTuple

import msgspec

from shared.contract.tolerant_json import NOT_DECODABLE

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""Largest message of a charger that speaks OCPP; beyond it: close 1009."""
_MOST_BYTES_OF_ID: Final = 256
"""The text allows 36 characters. More are echoed too, but not all that fit into a message."""


_CALL: Final = b"2"
_RESULT: Final = b"3"
_ERROR: Final = b"4"
_WITHOUT_ANSWER: Final = frozenset((b"5", b"6"))
"""2.1: one of our results was wrong; and a call that wants no answer."""


class ErrorCode(StrEnum):
    """Why a call is answered with an error: those of the codes that the hub uses."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    PROTOCOL_ERROR = "ProtocolError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


class Call(msgspec.Struct, array_like=True, frozen=True):
    """A request; the sender waits for the answer with its id."""

    type: Literal[2]
    id: str
    action: str
    payload: msgspec.Raw


class Answer(NamedTuple):
    """What a charger answers to a call of the hub."""

    id: str
    payload: bytes | None
    """Of a result, as JSON; None: it is an error."""
    error: str = ""
    """Its code."""


class BadCall(NamedTuple):
    """A call that cannot be understood, but answered."""

    id: bytes
    """As JSON."""
    code: ErrorCode
    description: str


class Unusable(NamedTuple):
    """A message that cannot even be answered."""

    why: str


class Ignored(NamedTuple):
    """A message that needs no answer, and is no mistake."""


Frame = Call | Answer | BadCall | Unusable | Ignored

_decode_call: Final = msgspec.json.Decoder(Call).decode
_decode_parts: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode
_NOT_JSON: Final = Unusable("expected one JSON array of OCPP")


def decode(message: bytes) -> Frame:
    """Return what a message is.

    Raises:
        UnicodeDecodeError: It is not UTF-8 (RFC 6455: close with 1007).
    """
    if not message.isascii():
        message.decode()
    try:
        call = _decode_call(message)
    except NOT_DECODABLE:
        return _decode_slowly(message)
    is_sound = bytes(call.payload).startswith(b"{") and len(call.id) <= _MOST_BYTES_OF_ID
    return call if is_sound else _decode_slowly(message)


def encode_call(message_id: str, action: str, payload: bytes) -> bytes:
    """Return a call of the hub."""
    return b"[2,%b,%b,%b]" % (_encode(message_id), _encode(action), payload)


def encode_result(message_id: str, payload: bytes) -> bytes:
    """Return the result of a call."""
    return b"[3,%b,%b]" % (_encode(message_id), payload)


def encode_error(message_id: str | bytes, code: ErrorCode, description: str) -> bytes:
    """Return the error that a call led to; an id in bytes is JSON already."""
    echoed = message_id if isinstance(message_id, bytes) else _encode(message_id)
    return b"[4,%b,%b,%b,{}]" % (echoed, _encode(code), _encode(description))


def _decode_slowly(message: bytes) -> Frame:
    """Decode part by part, and say what is wrong."""
    try:
        parts = [bytes(part) for part in _decode_parts(message)]
    except NOT_DECODABLE:
        return _NOT_JSON
    kind, message_id, third = [*parts, b"", b"", b""][:3]
    if kind in _WITHOUT_ANSWER:
        return Ignored()
    if not _is_usable(message_id):
        return Unusable("the second part must be the id of the message, a string")
    if kind == _RESULT:
        return Answer(_text(message_id), third)
    if kind == _ERROR:
        return Answer(_text(message_id), None, _text(third))
    return _bad_call(parts) if kind == _CALL else Unusable("the first part must be 2, 3 or 4")


def _is_usable(message_id: bytes) -> bool:
    """Whether an answer can have this id: a string, or a whole number that some chargers send."""
    if len(message_id) > _MOST_BYTES_OF_ID:
        return False
    return message_id.startswith(b'"') or message_id.removeprefix(b"-").isdigit()


def _bad_call(parts: list[bytes]) -> BadCall:
    message_id, *rest = parts[1:]
    if not message_id.startswith(b'"'):
        return BadCall(message_id, ErrorCode.PROTOCOL_ERROR, "a message id is a string")
    if len(rest) <= 1:
        what = "a call has four parts: 2, id, action, payload"
        return BadCall(message_id, ErrorCode.PROTOCOL_ERROR, what)
    if not rest[0].startswith(b'"'):
        return BadCall(message_id, ErrorCode.PROTOCOL_ERROR, "an action is a string")
    what = "a payload is an object"
    return BadCall(message_id, ErrorCode.TYPE_CONSTRAINT_VIOLATION, what)


def _text(part: bytes) -> str:
    """Return a string of JSON, or another part as it is written."""
    try:
        return str(msgspec.json.decode(part))
    except NOT_DECODABLE:
        return part.decode()
