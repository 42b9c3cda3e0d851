"""When messages are due, and how far behind the generator is: the proof that it is in time."""

import math
import time
from array import array
from typing import Any

from tests.benchmarks.generator.loop import clock


class Schedule:
    """Messages at a steady rate from now on.

    Args:
        rate: Messages per second.
        seconds: How long.
        tick_seconds: Messages that are due within this time may go as one burst.
    """

    def __init__(self, rate: float, seconds: float, tick_seconds: float) -> None:
        self.rate = rate
        self.total = max(1, round(rate * seconds))
        self.sent = 0
        self.began_at = clock()
        self._tick = tick_seconds
        self._burst_at = 0.0
        self._cpu = time.process_time()
        self._lags = array("d")

    def due_at(self, number: int) -> float:
        """Return when a message is due, the first one being number 0."""
        return self.began_at + number / self.rate

    def due_by(self, now: float) -> int:
        """Return how many messages are due by now, sent or not."""
        return min(self.total, math.floor((now - self.began_at) * self.rate) + 1)

    def next_at(self) -> float:
        """Return when to send next: not before a tick after the last burst began."""
        return max(self.due_at(self.sent), self._burst_at + self._tick)

    def sent_up_to(self, number: int, began_at: float) -> None:
        """Note a burst: its last message may have waited, its first one has."""
        self._lags.append(clock() - self.due_at(self.sent))
        self._burst_at = began_at
        self.sent = number

    @property
    def is_over(self) -> bool:
        return self.sent >= self.total

    def result(self) -> dict[str, Any]:
        """Return what was done, and how well (times in ms)."""
        took = clock() - self.began_at
        return {
            "sent": self.sent,
            "seconds": took,
            "generator_cpu_share": (time.process_time() - self._cpu) / took,
            "generator_lag_ms": quantiles(self._lags),
        }


def quantiles(seconds: "array[float] | list[float]") -> dict[str, float]:
    """Return the quantiles of times, in ms; none of no times."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    found = {name: ordered[round(share * last)] * 1000 for name, share in _SHARES.items()}
    return {**found, "count": len(ordered)}


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
