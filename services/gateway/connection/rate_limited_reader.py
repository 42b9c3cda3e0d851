"""What comes in from one device: a little at once, no faster than it may, or nothing for a while.

Nothing is read that may not be parsed. Whatever else a device sends is the kernel's to
keep, and TCP slows the device down.
"""

import asyncio
from enum import IntFlag
from typing import Final

from services.gateway import metrics
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.rate_limit import FRAME_BYTES, Bucket
from services.gateway.kernel import seconds_since_last_data

_PIECE_BYTES: Final = 1024
"""Most that is read, and so parsed, at once: a millisecond of CPU, were it empty pings."""
# One for all: what is read into it is taken out before anybody else is read from.
_piece: Final = memoryview(bytearray(_PIECE_BYTES))


class Pause(IntFlag):
    """Why a device is not read from."""

    JUDGING = 1
    """Its handshake is not answered yet."""
    UNREAD = 2
    """It does not read what it is sent."""
    TOO_FAST = 4
    """It sends faster than it may."""


class _Rest:
    """Ends an inlet's rest at its time."""

    __slots__ = ("_inlet", "due")

    def __init__(self, inlet: "RateLimitedReader") -> None:
        self._inlet = inlet
        self.due = 0

    def on_timer(self, now: float) -> None:
        """Have it read again."""
        self._inlet.rested(now)


class RateLimitedReader(asyncio.BufferedProtocol):
    """The receiving side of a connection; a subclass sets ``_transport`` and takes the bytes.

    Args:
        gate: What it shares with the others.
    """

    __slots__ = ("_bucket", "_gate", "_heard_at", "_paused", "_transport")

    _transport: asyncio.Transport

    def __init__(self, gate: ConnectionContext) -> None:
        self._gate = gate
        self._bucket = Bucket(gate.allowance)
        self._paused = Pause(0)
        self._heard_at = 0.0

    def bytes_received(self, data: bytes) -> int:
        """Take bytes; return how many frames they were."""
        raise NotImplementedError

    def sent_too_fast(self, seconds: float) -> None:
        """The device has been sending too fast for so long; it is not read from now."""

    def heard_ago(self) -> float:
        """Return how long ago the device's last bytes reached this machine, in seconds.

        They may have waited in the kernel while this process did not run: what is
        read now need not be what the device says now.
        """
        return seconds_since_last_data(self._transport.get_extra_info("socket"))

    # asyncio.BufferedProtocol

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - it is ours to say
        """Return what to read into."""
        return _piece

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.data_received(bytes(_piece[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take bytes, and read no more for a while if there were too many."""
        self._heard_at = now = self._gate.clock()
        # Whoever sends byte by byte pays for pieces as for frames.
        frames = self.bytes_received(data) or 1
        wait = self._bucket.spend(len(data) + FRAME_BYTES * frames, now)
        if wait:
            metrics.SLOWED.inc()
            self._pause(Pause.TOO_FAST)
            self._gate.resting.schedule(_Rest(self), now + wait)
            self.sent_too_fast(now - (self._bucket.over_since or now))

    # Reading, or not.

    def rested(self, now: float) -> None:
        """Read again from a device that sent too fast."""
        self._heard_at = now  # it was we who did not listen
        self._resume(Pause.TOO_FAST)

    def _pause(self, why: Pause) -> None:
        if not self._paused and not self._transport.is_closing():
            self._transport.pause_reading()
        self._paused |= why

    def _resume(self, why: Pause) -> None:
        if why in self._paused:
            self._paused &= ~why
            if not self._paused and not self._transport.is_closing():
                self._transport.resume_reading()
