"""Has every reading routed again, slowly: so a status that is wrong is found.

Statuses follow doorbells, and nobody looks at one again once it was written. So one that was
deleted or changed by hand, or lost by its server, would stay wrong until its charger's next
reading. This marks a few chargers pending at a time; all else is as for one whose doorbell was
lost.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from services.router import metrics, scripts
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.names import Names

_STEP_SECONDS: Final = 0.5
_TURNS: Final = 20
"""In each step every so many-th partition has its turn."""
_STEPS_PER_PARTITION: Final = 5
"""In about so many turns all chargers of a partition are marked: 50 s."""


@dataclass(eq=False, repr=False)
class Audit:
    """Marks chargers pending in turn."""

    bus: Bus
    names: Names
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._cursors: dict[int, bytes] = {}
        self._marked: Counter[int] = Counter()
        self._turn = 0
        # A router that takes a partition has all of it marked anyway.
        self._next_at = self.clock() + _TURNS * _STEP_SECONDS

    async def mark_some(self, owned: Collection[int]) -> None:
        """Mark some chargers of the partitions whose turn it is.

        Raises:
            BusUnavailableError: Redis is away.
        """
        now = self.clock()
        if now < self._next_at:
            return
        self._next_at = now + _STEP_SECONDS
        self._turn = (self._turn + 1) % _TURNS
        partitions = [partition for partition in owned if partition % _TURNS == self._turn]
        replies = await self.bus.run([self._mark_call(partition) for partition in partitions])
        for partition, (cursor, marked) in zip(partitions, replies, strict=True):
            self._cursors[partition] = cursor
            self._marked[partition] += marked
            metrics.AUDITED.inc(marked)

    def found_by_itself(self, partition: int, found: int) -> int:
        """Return how many of those found pending were not marked by this."""
        own = min(found, self._marked[partition])
        self._marked[partition] -= own
        return found - own

    def _mark_call(self, partition: int) -> Call:
        names = self.names.chargers[partition]
        cursor = self._cursors.get(partition, b"0")
        return Call(
            scripts.MARK_SOME_PENDING, (names.live, names.pending), [cursor, _STEPS_PER_PARTITION]
        )
