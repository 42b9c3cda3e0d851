"""Delays between retries: longer after each failure, each a random part of a bound."""

import random


class Backoff:
    """Exponential delays with full jitter.

    Full jitter (a uniform draw from zero to the bound) spreads a herd of
    retries best: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        first: Bound of the first delay, in seconds.
        ceiling: Bound that no delay exceeds, in seconds.
        rng: Source of randomness; a seeded one makes the delays repeatable.

    Attributes:
        failures: Delays since the last `reset`. A loop that runs once per reading asks this
            first, and saves the call.
    """

    __slots__ = ("_bound", "_ceiling", "_first", "_rng", "failures")

    def __init__(self, first: float, ceiling: float, rng: random.Random) -> None:
        self._first = first
        self._ceiling = ceiling
        self._rng = rng
        self._bound = first
        self.failures = 0

    def delay(self) -> float:
        """Return how long to wait now, in seconds, and double the bound."""
        bound = self._bound
        self._bound = min(bound * 2, self._ceiling)
        self.failures += 1
        return self._rng.uniform(0, bound)

    def reset(self) -> None:
        """Start over from the first bound: something worked."""
        self._bound = self._first
        self.failures = 0
