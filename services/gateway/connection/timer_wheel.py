"""One timer for many connections: a wheel instead of thousands of timer handles.

Hashed timing wheel, after Varghese and Lauck, "Hashed and Hierarchical Timing
Wheels" (SOSP 1987). A slot is half a second by default: device deadlines are seconds.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final, Protocol

TICK_SECONDS: Final = 0.5
_TICKS_KEPT: Final = 4


class Timed(Protocol):
    """Something that wants to be called at a time."""

    due: int
    """The tick it is entered for; earlier entries of it are void."""

    def on_timer(self, now: float) -> float | None:
        """Do what is due at ``now`` and return when to be called next, if ever."""


class TimerWheel:
    """Calls many objects, each at about its time.

    Attributes:
        earlier_tick: When it advanced some times ago. Since then this process has looked at
            all sockets, so what it reads now arrived later. Some times, because to accept a
            connection takes several turns of the event loop.
    """

    def __init__(self, clock: Callable[[], float], tick_seconds: float = TICK_SECONDS) -> None:
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._slots: defaultdict[int, list[Timed]] = defaultdict(list)
        self._is_needed = asyncio.Event()
        now = clock()
        self._tick = math.floor(now / tick_seconds)
        self._ticks = deque([now], _TICKS_KEPT)
        self.earlier_tick = now

    def schedule(self, timed: Timed, at: float) -> None:
        """Call ``timed.on_timer`` at ``at``, up to one tick late; forgets its former time."""
        due = max(math.ceil(at / self._tick_seconds), self._tick + 1)
        if timed.due != due:  # else it is entered there already
            timed.due = due
            self._slots[due].append(timed)
            self._is_needed.set()

    def advance(self) -> None:
        """Call all that is due by now."""
        now = self._clock()
        self._ticks.append(now)
        self.earlier_tick = self._ticks[0]
        current = math.floor(now / self._tick_seconds)
        if not self._slots:
            self._tick = current
        # Each tick by its number, not just the current one: none is lost when the
        # process was held up.
        while self._tick < current:
            self._tick += 1
            for timed in self._slots.pop(self._tick, ()):
                if timed.due == self._tick:
                    following = timed.on_timer(now)
                    if following is not None:
                        self.schedule(timed, following)

    async def run(self) -> None:
        """Advance until cancelled; while nothing is scheduled, nothing is done."""
        while True:
            await self._is_needed.wait()
            await asyncio.sleep(self._tick_seconds)
            self.advance()
            if not self._slots:
                self._is_needed.clear()
