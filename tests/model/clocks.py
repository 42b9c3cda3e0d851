"""What time it is: no clock here moves unless the model says so."""

import heapq
import itertools
from collections.abc import Callable
from typing import Any, Final

_BEGINNING: Final = 1_800_000_000_000_000
"""In µs since 1970."""
_TICK_SECONDS: Final = 0.0001
"""What each script takes; so no two epochs are drawn at the same time."""


class Clocks:
    """The clocks of all machines: the monotonic one of the processes, and three wall clocks.

    Attributes:
        redis_step: By how much Redis' clock is wrong, in µs.
        postgres_step: The same, of Postgres' clock.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self._now = 1000.0
        self.redis_step = self.postgres_step = 0

    def __call__(self) -> float:
        """Return the monotonic time, in seconds."""
        return self._now

    monotonic = __call__

    def time_ns(self) -> int:
        """Return a gateway's wall-clock time, in ns since 1970."""
        return self._true_us() * 1000

    def redis_us(self) -> int:
        """Return what Redis' clock says, in µs since 1970."""
        return self._true_us() + self.redis_step

    def postgres_us(self) -> int:
        """Return what Postgres' clock says, in µs since 1970."""
        return self._true_us() + self.postgres_step

    def tick(self) -> None:
        """Let the time of a script pass."""
        self._now += _TICK_SECONDS

    def let_pass(self, seconds: float) -> None:
        """Let time pass, by which no clock becomes wrong."""
        self._now += seconds

    def step_redis(self, seconds: float) -> None:
        """Move Redis' clock, forward or back."""
        self.redis_step += round(seconds * 1_000_000)

    def step_postgres(self, seconds: float) -> None:
        """Move Postgres' clock, forward or back."""
        self.postgres_step += round(seconds * 1_000_000)

    def _true_us(self) -> int:
        return _BEGINNING + round(self._now * 1_000_000)


class Timer:
    """What an event loop returns for something that it is to call."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call

    def cancel(self) -> None:
        """Do not call it."""
        self.call = lambda: None


class Timers:
    """The part of an event loop that services ask for directly: its time, and its timers."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, Timer]] = []

    def time(self) -> float:
        """Return the time of this process."""
        return self._clocks()

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> Timer:
        """Call something at once, when others have had their turn."""
        return self.call_at(self.time(), callback, *arguments)

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        """Call something after a while (s)."""
        return self.call_at(self.time() + delay, callback, *arguments)

    def call_at(self, when: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        """Call something at a time."""
        timer = Timer(lambda: callback(*arguments))
        heapq.heappush(self._due, (when, next(self._numbers), timer))
        return timer

    def advance(self) -> None:
        """Call what is due by now."""
        while self._due and self._due[0][0] <= self.time():
            heapq.heappop(self._due)[2].call()
