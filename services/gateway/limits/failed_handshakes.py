"""How much time handshakes that fail may take before new ones wait. Without I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.process.entrance.pace import Pace

_SECONDS: Final = {False: 1 / 500, True: 1 / 300}
"""For how long others wait for each, without TLS and with it. One takes a sixth of that, or a third
with TLS, and so do all of them of a core. With TLS fewer would keep honest devices out for longer
than a second."""


@dataclass(eq=False, repr=False)
class FailedHandshakes:
    """Makes new handshakes wait while too many fail.

    Else a flood of them would take all the time of a gateway, and connected devices would wait.
    Handshakes of devices that are let in are not counted.
    """

    clock: Callable[[], float]
    """In seconds; it only moves forward."""

    def __post_init__(self) -> None:
        self._pace = Pace(self.clock)

    def count(self, *, is_tls: bool) -> None:
        """Count one that failed after it had its turn, or whose device put out another one."""
        self._pace.spend(_SECONDS[is_tls])

    def wait(self) -> float:
        """Return for how many seconds the next handshake must wait; usually 0."""
        return self._pace.wait()
