"""Clears from pending what was routed.

No light waits for that. So it is done a moment later, many at once, and of one charger only
for the newest reading: an older one could not clear anything.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.router import scripts
from services.router.metrics import OverdueAges
from services.router.reading import Reading
from shared.bus.batches import by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.names import Names

_COLLECT_SECONDS: Final = 0.1
"""How long routed readings are collected: far less than what makes a reading overdue."""
_MOST_PER_EXCHANGE: Final = 200
"""An exchange with so many readings takes no further partition: lights wait for it."""


@dataclass(eq=False, repr=False)
class PendingClearer:
    """The readings that were routed and are still pending."""

    bus: Bus
    names: Names

    def __post_init__(self) -> None:
        self.overdue = OverdueAges()
        self._routed: defaultdict[int, dict[str, Reading]] = defaultdict(dict)
        self._soon = asyncio.Event()
        # The Redis that is back may have lost the statuses. They are written again first.
        self.bus.on_reconnected(self._routed.clear)

    def add(self, readings: Iterable[Reading]) -> None:
        """Clear readings soon: they were routed."""
        is_any_overdue = len(self.overdue) > 0  # hardly ever
        for reading in readings:
            self._routed[reading.partition][reading.charger_id] = reading
            if is_any_overdue:
                self.overdue.forget(reading.charger_id)
        self._soon.set()

    async def run(self) -> None:
        """Clear what was added, a moment later, until cancelled."""
        while True:
            await self._soon.wait()
            await asyncio.sleep(_COLLECT_SECONDS)
            self._soon.clear()
            await self.clear_added()

    async def clear_added(self) -> None:
        """Clear what was added until now; what this cannot clear becomes overdue."""
        with contextlib.suppress(BusUnavailableError):
            while self._routed:
                # Whole partitions: the more readings of one there are, the less each costs.
                readings: list[Reading] = []
                while self._routed and len(readings) < _MOST_PER_EXCHANGE:
                    _, of_partition = self._routed.popitem()
                    readings += of_partition.values()
                await self.clear(readings)

    async def clear(self, readings: Sequence[Reading]) -> None:
        """Clear readings from pending unless they changed since.

        Raises:
            BusUnavailableError: Redis is away.
        """
        if readings:
            batches = by_slot(readings, lambda one: one.partition)
            await self.bus.run([self._clear_call(*batch) for batch in batches])

    def _clear_call(self, partition: int, readings: list[Reading]) -> Call:
        names = self.names.chargers[partition]
        arguments: list[Argument] = []
        for reading in readings:
            arguments += (reading.charger_id, *reading.revision, reading.pairing)
        return Call(scripts.CLEAR_PENDING, (names.directory, names.live, names.pending), arguments)
