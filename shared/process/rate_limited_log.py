"""Saying what is wrong in Redis: once in a while, however often it is met."""

import time
from collections.abc import Callable
from typing import Final

from shared.process.logs import Logger

_SAY_AGAIN_SECONDS: Final = 60.0


class RateLimitedLog:
    """One line of the log that would otherwise be written several times a second.

    What somebody broke with redis-cli stays broken until somebody mends it.

    Args:
        log: Where to.
        event: The line.
        clock: Monotonic time in seconds.
    """

    __slots__ = ("_again_at", "_clock", "_event", "_log")

    def __init__(
        self, log: Logger, event: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._event = event
        self._clock = clock
        self._again_at = float("-inf")

    def make(self, reason: object) -> None:
        """Say it, unless it was said a moment ago."""
        now = self._clock()
        if now >= self._again_at:
            self._again_at = now + _SAY_AGAIN_SECONDS
            self._log.error(self._event, reason=str(reason))
