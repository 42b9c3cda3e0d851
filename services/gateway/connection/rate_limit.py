"""How fast one device may send: a token bucket that only the clock refills.

In the form of the generic cell rate algorithm ("virtual scheduling", ITU-T I.371 annex A):
what is kept is not a level but the time at which the bucket will be full again, so there
is nothing to refill and no timer.
"""

from typing import Final, NamedTuple

FRAME_BYTES: Final = 26
"""What a frame, or a piece of one, costs beyond its bytes.

An empty frame is 6 bytes and costs as much CPU as a reading of 50: by bytes alone a flood
of pings would get twelve times the CPU of one of readings.
"""


class Allowance(NamedTuple):
    """How fast each device may send; the same for all of a gateway."""

    seconds_per_byte: float
    burst_seconds: float

    @classmethod
    def of(cls, bytes_per_second: float, burst_bytes: float) -> "Allowance":
        """Return an allowance, from how it is set."""
        return cls(1 / bytes_per_second, burst_bytes / bytes_per_second)


class Bucket:
    """What one device has sent lately.

    It may be overdrawn by what was read in one piece; that is waited for afterwards.

    Args:
        allowance: How fast it may send.

    Attributes:
        over_since: Since when it has been sending faster than that, without a rest; None
            once half of the bucket has filled up again.
    """

    __slots__ = ("_allowance", "_full_at", "over_since")

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._full_at = 0.0
        self.over_since: float | None = None

    def spend(self, size: int, now: float) -> float:
        """Take from the bucket; return for how many seconds nothing more may be taken."""
        seconds_per_byte, burst_seconds = self._allowance
        left_at = max(self._full_at, now)
        if self.over_since is not None and left_at - now < burst_seconds / 2:
            self.over_since = None
        self._full_at = full_at = left_at + size * seconds_per_byte
        wait = full_at - now - burst_seconds
        if wait <= 0:
            return 0.0
        if self.over_since is None:
            self.over_since = now
        return wait
