"""How often one address may look at visitors' pages. No I/O.

Codes cannot be guessed; this keeps those who try anyway from costing anything.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.process.entrance.turns import network_of

MOST: Final = 30
SECONDS: Final = 60.0
"""In so many seconds one address has `MOST` look-ups."""
_MOST_ADDRESSES: Final = 10_000
"""Beyond that, the one that was seen least lately is forgotten."""


@dataclass(eq=False, repr=False)
class LookUps:
    """Counts those of each address, of IPv6 of each network, in this process."""

    clock: Callable[[], float] = time.monotonic
    """In seconds; it only moves forward."""
    _taken: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, address: str) -> bool:
        """Tell whether an address may look once more; then that counts."""
        network, now = network_of(address), self.clock()
        taken = self._taken.pop(network, None) or deque(maxlen=MOST)
        self._taken[network] = taken  # the last in order
        if len(self._taken) > _MOST_ADDRESSES:
            del self._taken[next(iter(self._taken))]
        if len(taken) == MOST and now - taken[0] < SECONDS:
            return False
        taken.append(now)
        return True
