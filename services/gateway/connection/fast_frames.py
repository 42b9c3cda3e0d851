"""The fast path: the two most frequent kinds of frames, each parsed in one step.

These are a short text message in one piece, and an empty pong. All other frames, and
incomplete ones, are left to the library (`services.gateway.connection.websocket_protocol`);
the fuzzing in ``tests/fuzz`` compares the two paths.
"""

from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined] # in C where it can be

# RFC 6455 section 5.2: the last fragment of text, no reserved bit; then the length, which
# is in these seven bits up to 125, with the bit that says that a mask follows.
_WHOLE_TEXT: Final = 0x81
_MASKED: Final = 0x80
_MOST_BYTES: Final = 125
HEAD_BYTES: Final = 6
"""How many bytes come before the message: two, and the mask. An empty pong is no longer."""
_EMPTY_PONG: Final = b"\x8a\x80"
PING: Final = b"\x89\x00"
"""What an empty pong answers: an empty ping as a gateway sends it (section 5.5.2)."""


def short_message(data: bytes, start: int) -> bytes | None:
    """Return the message of the short text frame that begins at ``start``.

    None for any other frame, and for one that is not there as a whole. The frame is
    `HEAD_BYTES` longer than its message.
    """
    begin = start + HEAD_BYTES
    if len(data) < begin or data[start] != _WHOLE_TEXT:
        return None
    length = data[start + 1] ^ _MASKED  # without the mask's bit, more than the most
    if length > _MOST_BYTES or len(data) < begin + length:
        return None
    message: bytes = apply_mask(data[begin : begin + length], data[start + 2 : begin])
    return message


def is_empty_pong(data: bytes, start: int) -> bool:
    """Whether an empty pong begins at ``start`` and is there as a whole."""
    return data.startswith(_EMPTY_PONG, start) and len(data) >= start + HEAD_BYTES
