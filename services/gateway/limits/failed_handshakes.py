"""How much time handshakes that fail may take before new ones wait. Without I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = {False: 1 / 500, True: 1 / 300}
"""For how long others wait for each, without TLS and with it. One takes a sixth of that, or a third
with TLS, and so do all of them of a core. With TLS fewer would keep honest devices out for longer
than a second."""
_BURST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 1.0


@dataclass(eq=False, repr=False)
class FailedHandshakes:
    """Makes new handshakes wait while too many fail.

    Else a flood of them would take all the time of a gateway, and connected devices would wait.
    Handshakes of devices that are let in are not counted. The generic cell rate algorithm (ITU-T
    I.371 annex A), as in `RateLimitedReader`.
    """

    clock: Callable[[], float]
    """In seconds; it only moves forward."""
    _full_at: float = 0.0

    def count(self, *, is_tls: bool) -> None:
        """Count one that failed after it had its turn, or whose device put out another one."""
        now = self.clock()
        full_at = max(self._full_at, now) + _SECONDS[is_tls]
        self._full_at = min(full_at, now + _BURST_SECONDS + _LONGEST_SECONDS)

    def wait(self) -> float:
        """Return for how many seconds the next handshake must wait; usually 0."""
        return max(0.0, self._full_at - self.clock() - _BURST_SECONDS)
