"""The wire, read and written by hand: an oracle must not share the library's mistakes.

RFC 6455 section 5.2 (frames) and RFC 9112 (the answer to a handshake).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
MOST_IN_CONTROL: Final = 125
"""Bytes in a control frame (section 5.5)."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]+")
_HEADER_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x21-\x7e][\x20-\x7e]*)")
_SWITCHING: Final = 101


class ViolationError(AssertionError):
    """What was written, or what happened, is not what may be."""


class Written(NamedTuple):
    """A frame that the gateway wrote."""

    opcode: int
    payload: bytes


class Answer(NamedTuple):
    """The answer to a handshake."""

    status: int
    headers: dict[str, str]
    body: bytes


def device_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\0\0\0\0",
    length_bytes: int | None = None,
) -> bytes:
    """Return a frame as a device sends it, or as a broken one might.

    Args:
        opcode: Four bits, known or not.
        payload: What it carries.
        fin: Whether it ends its message.
        reserved: The three reserved bits, as a number.
        mask: Four bytes; None for a frame without a mask.
        length_bytes: Bytes of the length that stand behind the head: 0, 2 or 8; by
            default as few as will do.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size <= MOST_IN_CONTROL else 2 if size < 1 << 16 else 8
    first = fin << 7 | reserved << 4 | opcode
    second = (mask is not None) << 7 | {0: size & 0x7F, 2: 126, 8: 127}[length_bytes]
    return b"".join(
        [
            bytes([first, second]),
            size.to_bytes(8, "big")[8 - length_bytes :],
            mask or b"",
            payload if mask is None else masked(payload, mask),
        ]
    )


def masked(payload: bytes, mask: bytes) -> bytes:
    """Mask, or unmask (section 5.3)."""
    if mask == b"\0\0\0\0":
        return payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def written_frames(data: bytes) -> Iterator[Written]:
    """Yield the frames in what a server wrote.

    Raises:
        ViolationError: It is not a sequence of whole frames that a server may send.
    """
    while data:
        if len(data) < 2:
            raise ViolationError(f"half a frame was written: {data!r}")
        opcode, size, start = data[0] & 0x0F, data[1], 2
        if data[0] >> 4 != 0b1000:
            raise ViolationError("a frame with reserved bits, or a part of a message, was written")
        if opcode not in {TEXT, CLOSE, PING, PONG}:
            raise ViolationError(f"a frame with opcode {opcode} was written")
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
            if size <= MOST_IN_CONTROL or opcode != TEXT:
                raise ViolationError("a control frame too long, or a length longer than it need be")
        elif size > 126:
            raise ViolationError("a mask, or more than a device would take")
        if len(data) < start + size:
            raise ViolationError("a frame was cut off")
        yield Written(opcode, data[start : start + size])
        data = data[start + size :]


def answer_in(data: bytes) -> tuple[Answer, bytes]:
    """Return the answer to a handshake and what was written behind it.

    Raises:
        ViolationError: It is no well-formed answer.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(lines[0])
    if not end or status_line is None:
        raise ViolationError(f"no HTTP answer: {data[:100]!r}")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        found = _HEADER_LINE.fullmatch(line)
        if found is None or (name := found[1].decode().lower()) in headers:
            raise ViolationError(f"a broken header line, or one given twice: {line!r}")
        headers[name] = found[2].decode()
    status = int(status_line[1])
    if status == _SWITCHING:
        return Answer(status, headers, b""), rest
    size = headers.get("content-length", "")
    if size != str(len(rest)) or headers.get("connection") != "close":
        raise ViolationError(f"{len(rest)} bytes in the body, but the headers are {headers}")
    return Answer(status, headers, rest), b""
