"""WebSocket as a device speaks it (RFC 6455), as far as a benchmark needs it: ready-made bytes."""

import os
from typing import Final

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_MOST_SHORT: Final = 125

LEVELS: Final = (70, 85, 100)
"""One level for each status, in the order of `STATUSES`."""
STATUSES: Final = ("charging", "charging80", "charged")


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame of up to 125 bytes of payload, with a random mask."""
    if len(payload) > _MOST_SHORT:
        raise ValueError(f"a payload of {len(payload)} bytes is no short one")
    mask = os.urandom(4)
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((_FINAL | opcode, _MASKED | len(payload))) + mask + hidden


def reading(level: int) -> bytes:
    """Return the frame of a reading, in percent."""
    return masked(TEXT, f'{{"event":"StateOfCharge","data":{{"soc":{level}}}}}'.encode())


def status_payload(status: str) -> bytes:
    """Return the message that lights a widget."""
    return f'{{"event":"chargingStatus","data":{{"status":"{status}"}}}}'.encode()


STEP_OF: Final = {status_payload(status): step for step, status in enumerate(STATUSES)}
"""Which of the three statuses a widget's message says."""
READING_OF_STEP: Final = tuple(reading(level) for level in LEVELS)
"""The reading that leads to each status."""


def handshake(host: str, port: int, path: str) -> bytes:
    """Return the request that opens a connection."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
