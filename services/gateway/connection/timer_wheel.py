"""One timer for many connections: a wheel instead of thousands of timer handles.

Hashed timing wheel, after Varghese and Lauck, "Hashed and Hierarchical Timing
Wheels" (SOSP 1987). A slot is half a second by default: device deadlines are seconds.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

TICK_SECONDS: Final = 0.5
_TICKS_KEPT: Final = 4
_AT_ONCE: Final = 16
"""Calls before others have a turn: a millisecond. Thousands may be due in one tick."""


class Timed(Protocol):
    """Something that wants to be called at a time."""

    due: int
    """The tick it is entered for, or was; -1: none. The wheel sets it."""

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
        # Dictionaries, so that what ends leaves its slot at once: freeing all that had ended in
        # the meantime took tens of milliseconds at a tick.
        self._slots: defaultdict[int, dict[Timed, None]] = defaultdict(dict)
        self._is_needed = asyncio.Event()
        now = clock()
        self._tick = math.floor(now / tick_seconds)
        self._ticks = deque([now], _TICKS_KEPT)
        self.earlier_tick = now

    def schedule(self, timed: Timed, at: float) -> None:
        """Call ``timed.on_timer`` at ``at``, up to one tick late; forgets its former time."""
        due = max(math.ceil(at / self._tick_seconds), self._tick + 1)
        if timed.due != due:  # else it is entered there already
            self.cancel(timed)
            timed.due = due
            self._slots[due][timed] = None
            self._is_needed.set()

    def cancel(self, timed: Timed) -> None:
        """Forget its time, if it has one."""
        slot = self._slots.get(timed.due)
        if slot is not None:
            slot.pop(timed, None)
        timed.due = -1

    def advance(self) -> None:
        """Call all that is due by now."""
        for _ in self._advance():
            pass

    def _advance(self) -> Iterator[None]:
        """Call all that is due by now, in portions."""
        now = self._clock()
        self._ticks.append(now)
        self.earlier_tick = self._ticks[0]
        current = math.floor(now / self._tick_seconds)
        # Not tick by tick through a long rest. After that each by its number, not just the
        # current one: none is lost when the process was held up.
        first = min(self._slots, default=current + 1)
        self._tick = max(self._tick, min(current, first - 1))
        calls = 0
        while self._tick < current:
            self._tick += 1
            while slot := self._slots.get(self._tick):
                timed, _ = slot.popitem()
                following = timed.on_timer(now)
                if following is not None:
                    self.schedule(timed, following)
                calls += 1
                if calls % _AT_ONCE == 0:
                    yield
            self._slots.pop(self._tick, None)

    async def run(self) -> None:
        """Advance until cancelled; while nothing is scheduled, nothing is done."""
        while True:
            await self._is_needed.wait()
            await asyncio.sleep(self._tick_seconds)
            for _ in self._advance():
                await asyncio.sleep(0)
            if not self._slots:
                self._is_needed.clear()
