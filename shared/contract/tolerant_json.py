"""Reading JSON in Redis that anybody with ``redis-cli`` may have written."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

_Message = TypeVar("_Message")


def tolerant_decoder(kind: type[_Message]) -> Callable[[bytes | None], _Message | None]:
    """Make a decoder that returns None for what is not there, or none of this kind.

    For whoever only looks: what somebody broke counts as not there. msgspec lets what
    is no text, or nested too deeply, out as errors of other classes.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decode_or_none(raw: bytes | None) -> _Message | None:
        if raw is None:
            return None
        try:
            return decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    return decode_or_none
