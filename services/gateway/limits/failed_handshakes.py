"""How many TLS handshakes may fail before new connections wait. Without I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PER_SECOND: Final = 250.0
"""With TLS, about a fifth of a core's time."""
_BURST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 1.0


@dataclass(eq=False, repr=False)
class FailedHandshakes:
    """Makes new connections wait while too many TLS handshakes fail.

    Else a flood of them would take all the time of a gateway, and connected devices would wait.
    New connections wait for up to a second. Those that are let in are not counted. The generic
    cell rate algorithm (ITU-T I.371 annex A), as in `RateLimitedReader`.
    """

    clock: Callable[[], float]
    """In seconds; it only moves forward."""
    _full_at: float = 0.0

    def count(self) -> None:
        """Count one that failed: it was refused, or ended without a request."""
        now = self.clock()
        full_at = max(self._full_at, now) + 1 / _PER_SECOND
        self._full_at = min(full_at, now + _BURST_SECONDS + _LONGEST_SECONDS)

    def wait(self) -> float:
        """Return for how many seconds a new connection must wait; usually 0."""
        return max(0.0, self._full_at - self.clock() - _BURST_SECONDS)
