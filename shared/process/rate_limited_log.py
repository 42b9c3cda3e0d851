"""An error that is logged once a minute, however often it happens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.process.logs import Logger

_PAUSE_SECONDS: Final = 60.0


@dataclass(eq=False, repr=False)
class RateLimitedLog:
    """One line that would otherwise be logged several times a second.

    A value broken with ``redis-cli`` stays broken until it is repaired by hand.
    """

    logger: Logger
    event: str
    clock: Callable[[], float] = time.monotonic
    _next_at: float = float("-inf")

    def log(self, reason: object) -> None:
        """Log the line, unless it was logged within the last minute."""
        now = self.clock()
        if now >= self._next_at:
            self._next_at = now + _PAUSE_SECONDS
            self.logger.error(self.event, reason=str(reason))
