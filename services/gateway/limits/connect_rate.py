"""How often one id may connect. Without I/O, in bounded memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_MOST_IDS: Final = 10_000
"""Ids that are remembered; the one that was seen least lately is forgotten."""
_WINDOW_SECONDS: Final = 60.0
_LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass(eq=False, repr=False)
class ConnectRate:
    """How often each id of one kind may connect: so many times a minute, at once or spread.

    The generic cell rate algorithm (ITU-T I.371 annex A), as in `RateLimitedReader`. Attempts
    that are refused count too, so the wait grows with them, up to a minute. A device that
    waits for as long as it is told is let in, if no other one uses its id.
    """

    per_minute: int
    """0: as often as it likes."""
    clock: Callable[[], float]
    """In seconds; it only moves forward."""
    _full_at: dict[str, float] = field(default_factory=dict)
    """When each id will have its whole minute's worth again; the least lately seen first."""

    def connect(self, device_id: str) -> int:
        """Count an attempt; return how many seconds the device must wait, 0 if it may connect."""
        if not self.per_minute:
            return 0
        now, full_at = self.clock(), self._full_at
        self._forget(now)
        due = max(full_at.pop(device_id, now), now) + _WINDOW_SECONDS / self.per_minute
        full_at[device_id] = due = min(due, now + _WINDOW_SECONDS + _LONGEST_WAIT_SECONDS)
        return max(0, math.ceil(due - now - _WINDOW_SECONDS))

    def _forget(self, now: float) -> None:
        """Forget ids with nothing to remember: two at most, for the one that is added."""
        full_at = self._full_at
        for _ in range(min(2, len(full_at))):
            oldest = next(iter(full_at))
            if full_at[oldest] > now and len(full_at) < _MOST_IDS:
                return
            del full_at[oldest]
