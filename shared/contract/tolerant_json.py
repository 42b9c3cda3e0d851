"""Decoding JSON in Redis, where ``redis-cli`` can write anything."""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

_Message = TypeVar("_Message")

NOT_DECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder of msgspec raises. The last two are for what is not text, or nested too deeply."""


def tolerant_decoder(kind: type[_Message]) -> Callable[[bytes | None], _Message | None]:
    """Return a decoder for readers: what is missing or of another form becomes None."""
    decode = msgspec.json.Decoder(kind).decode

    def decode_or_none(raw: bytes | None) -> _Message | None:
        if raw is None:
            return None
        try:
            return decode(raw)
        except NOT_DECODABLE:
            return None

    return decode_or_none
