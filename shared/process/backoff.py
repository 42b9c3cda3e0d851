"""Delays between retries: longer after each failure, each a random part of a bound."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False, repr=False)
class Backoff:
    """Exponential delays with full jitter.

    Full jitter (a uniform draw from zero to the bound) spreads a herd of
    retries best: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    first: float
    """Bound of the first delay, in seconds."""
    ceiling: float
    """Bound that no delay exceeds, in seconds."""
    rng: random.Random
    """Source of randomness; a seeded one makes the delays repeatable."""
    failures: int = 0
    """Delays since the last `reset`. A loop that runs once per reading checks this first, to save
    the call of `reset`."""
    _bound: float = field(init=False)

    def __post_init__(self) -> None:
        self._bound = self.first

    def delay(self) -> float:
        """Return how long to wait now, in seconds, and double the bound."""
        bound = self._bound
        self._bound = min(bound * 2, self.ceiling)
        self.failures += 1
        return self.rng.uniform(0, bound)

    def reset(self) -> None:
        """Start over from the first bound: something worked."""
        self._bound = self.first
        self.failures = 0
