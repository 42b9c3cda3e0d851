"""Decoding JSON in Redis, where ``redis-cli`` can write anything."""

import json
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import msgspec

_Message = TypeVar("_Message")

NOT_DECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder of msgspec raises. The last two are for what is not text, or nested too deeply."""


def tolerant_decoder(kind: type[_Message]) -> Callable[[bytes | None], _Message | None]:
    """Return a decoder for readers: what is missing or of another form becomes None.

    A whole number may be written ``5.0`` or ``5e0``: to the scripts in Lua it is the same.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decode_or_none(raw: bytes | None) -> _Message | None:
        if raw is None:
            return None
        try:
            return decode(raw)
        except NOT_DECODABLE:
            pass
        try:
            value = json.loads(raw.decode(), parse_float=_number, parse_constant=_refuse)
            return msgspec.convert(value, kind)
        except (ValueError, RecursionError):  # also what is not JSON, not UTF-8, or does not fit
            return None

    return decode_or_none


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
