"""How much time work of one kind may take before more of it waits. Without I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_BURST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 1.0


@dataclass(eq=False, repr=False)
class Pace:
    """Makes more work wait while there was too much.

    The generic cell rate algorithm (ITU-T I.371 annex A), as in `RateLimitedReader`.
    """

    clock: Callable[[], float]
    """In seconds; it only moves forward."""
    _full_at: float = 0.0

    def spend(self, seconds: float) -> None:
        """Count work of which there may be one in so many seconds."""
        now = self.clock()
        full_at = max(self._full_at, now) + seconds
        self._full_at = min(full_at, now + _BURST_SECONDS + _LONGEST_SECONDS)

    def wait(self) -> float:
        """Return for how many seconds more of it must wait; usually 0."""
        return max(0.0, self._full_at - self.clock() - _BURST_SECONDS)
