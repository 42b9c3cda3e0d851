"""A charger's message: decoding and checking it, without I/O."""

import json
import re
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec

from services.gateway.connection.dialect import BadFrameError
from shared.contract.device_protocol import MAX_MESSAGE_BYTES, STATE_OF_CHARGE_EVENT, ErrorCode

MINIMUM = 0
MAXIMUM = 100
_REMEMBERED: Final = 1024
"""Messages whose results are kept; none is longer than a gateway takes."""
_MOST_NESTED: Final = MAX_MESSAGE_BYTES // 2
"""Levels that a message has room for. The limits of Python versions differ, and all are higher."""
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


_BOUNDS = msgspec.Meta(ge=MINIMUM, le=MAXIMUM)


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    soc: Annotated[int, _BOUNDS] | Annotated[float, _BOUNDS]


class _Reading(msgspec.Struct, forbid_unknown_fields=True):
    event: Literal["StateOfCharge"]
    data: _Data


_decode = msgspec.json.Decoder(_Reading).decode
_encode = msgspec.json.Encoder().encode


@lru_cache(_REMEMBERED)
def state_of_charge_of(message: bytes) -> float:
    """Return the state of charge in a charger's message, in percent.

    Args:
        message: ``{"event":"StateOfCharge","data":{"soc":70}}``; further members
            are allowed and skipped.

    Raises:
        BadFrameError: The message is something else.
        UnicodeDecodeError: The message is not UTF-8 (RFC 6455: close with 1007).

    The last results are remembered: there are few states of charge, and one kind of
    charger writes each of them in one way, so messages recur.
    """
    # JSON leaves open what a name given twice means (RFC 8259 section 4), so such
    # a message is refused. The usual one is ASCII, has these names once each and no
    # others, and no escape that could hide one; all others are decoded slowly.
    if (
        message.count(b'"soc"') == 1
        and message.count(b'"data"') == 1
        and message.count(b'"event"') == 1
        and b"\\" not in message
        and message.isascii()
    ):
        try:
            return _decode(message).data.soc
        except (msgspec.DecodeError, RecursionError):
            pass
    return _decode_slowly(message)


@lru_cache(_REMEMBERED, typed=True)
def as_json(state_of_charge: float) -> str:
    """Return a state of charge as JSON that says the same number, without a negative zero."""
    return _encode(state_of_charge or 0).decode()


def _decode_slowly(message: bytes) -> float:
    """Decode with the standard library and say exactly what is wrong."""
    text = message.decode()
    try:
        _refuse_deep_nesting(text)
        document = json.loads(
            text, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant
        )
    except ValueError as error:
        where = _mistake_in(text, error)
        raise BadFrameError(ErrorCode.NOT_JSON, f"expected one JSON object: {where}") from error
    if not isinstance(document, dict) or document.get("event") != STATE_OF_CHARGE_EVENT:
        raise BadFrameError(
            ErrorCode.UNKNOWN_EVENT, f'expected "event":"{STATE_OF_CHARGE_EVENT}" from a charger'
        )
    data = document.get("data")
    level = data.get("soc") if isinstance(data, dict) else None
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise BadFrameError(
            ErrorCode.INVALID_READING, 'expected "data":{"soc":N} with a number from 0 to 100'
        )
    if not MINIMUM <= level <= MAXIMUM:
        raise BadFrameError(ErrorCode.OUT_OF_RANGE, "soc must be from 0 to 100")
    return level


def _mistake_in(text: str, error: ValueError) -> str:
    """Say which byte is wrong, or else what is."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    before, rest = text[: error.pos].encode(), text[error.pos :].encode()
    return f"byte 0x{rest[0]:02x} at position {len(before)}" if rest else "it ends too early"


def _refuse_deep_nesting(text: str) -> None:
    """Raise ValueError if too many objects and lists lie in one another."""
    if text.count("[") + text.count("{") <= _MOST_NESTED:
        return
    depth = 0
    for character in _STRING.sub("", text):
        depth += (character in "[{") - (character in "]}")
        if depth > _MOST_NESTED:
            raise ValueError(f"nested more than {_MOST_NESTED} levels deep")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return names


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
