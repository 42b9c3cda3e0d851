"""An error that is logged once a minute, however often it happens."""

import time
from collections.abc import Callable
from typing import Final

from shared.process.logs import Logger

_PAUSE_SECONDS: Final = 60.0


class RateLimitedLog:
    """One line that would otherwise be logged several times a second.

    A value broken with ``redis-cli`` stays broken until it is repaired by hand.

    Args:
        log: The module's logger.
        event: Text of the line.
        clock: Monotonic time in seconds.
    """

    __slots__ = ("_clock", "_event", "_log", "_next_at")

    def __init__(
        self, log: Logger, event: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._event = event
        self._clock = clock
        self._next_at = float("-inf")

    def log(self, reason: object) -> None:
        """Log the line, unless it was logged within the last minute."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + _PAUSE_SECONDS
            self._log.error(self._event, reason=str(reason))
