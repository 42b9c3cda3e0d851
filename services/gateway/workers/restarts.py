"""How soon a worker that ended is restarted, and when that is given up."""

import random
from collections import deque
from typing import Final

from shared.process.backoff import Backoff

_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 5.0

MOST_ENDS: Final = 5
"""After so many ends within `WINDOW_SECONDS`, restarting does not help."""
WINDOW_SECONDS: Final = 60.0


class Restarts:
    """The ends of one worker. Jitter, as all may end at one moment, for one reason."""

    def __init__(self, rng: random.Random) -> None:
        self._backoff = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS, rng)
        self._ends: deque[float] = deque(maxlen=MOST_ENDS)

    def delay(self, now: float) -> float | None:
        """Note an end (``now``, in seconds).

        Returns:
            After how many seconds to restart the worker; None: give it up.
        """
        while self._ends and self._ends[0] <= now - WINDOW_SECONDS:
            self._ends.popleft()
        if not self._ends:
            self._backoff.reset()
        self._ends.append(now)
        return None if len(self._ends) >= MOST_ENDS else self._backoff.delay()
