"""Finds readings whose doorbell was lost, in the partitions that this router owns.

A charger that has been pending for longer than a doorbell takes is overdue. Twice a second all
that are overdue are read, and their readings routed. Where any number of doorbells may have been
missed, all chargers are marked pending first.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from services.router import metrics, scripts
from services.router.audit import Audit
from services.router.clear_pending import PendingClearer
from services.router.metrics import OVERDUE_SECONDS
from services.router.reading import Reading
from services.router.statuses_ahead import StatusesAhead
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.bus.subscriber import Subscriber
from shared.contract.names import Names
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_FIND_SECONDS: Final = 0.5
_MOST_PER_PARTITION: Final = 100
"""Most readings found per partition at a time; with so many, the next look comes at once."""


@dataclass(eq=False, repr=False)
class OverdueFinder:
    """The partitions that this router owns, and what is overdue there."""

    bus: Bus
    subscriber: Subscriber
    """For the doorbells of the partitions."""
    names: Names
    on_message: Callable[[str, bytes], None]
    """Called with each doorbell of the partitions."""
    route: Callable[[Reading], None]
    """Called with each overdue reading."""
    clearer: PendingClearer
    """Clears those that light nothing."""
    ahead: StatusesAhead
    """Names chargers to read although they are not overdue."""
    rng: random.Random
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.overdue = self.clearer.overdue
        self.pending: dict[int, int] = {}
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._by_channel = {n.readings: n.partition for n in self.names.chargers}
        self._owned: set[int] = set()
        self._unmarked: set[int] = set()
        self._now = asyncio.Event()
        self._audit = Audit(self.bus, self.names)
        # Redis may be another one by now, where statuses are missing.
        self.bus.on_reconnected(lambda: self._mark(self._owned))

    def own(self, partitions: set[int]) -> None:
        """Work on partitions; `on_confirmed` then looks at all that is stored there."""
        self._owned |= partitions
        self.subscriber.subscribe((self.names.chargers[p].readings for p in partitions), self)

    def disown(self, partitions: set[int]) -> None:
        """Stop working on partitions."""
        self._owned -= partitions
        self._unmarked -= partitions
        for partition in partitions:
            self.pending.pop(partition, None)
            self.ahead.take_unsure(partition)
        self.subscriber.unsubscribe(self.names.chargers[p].readings for p in partitions)

    def on_confirmed(self, channels: list[str]) -> None:
        """Look at all that is stored: until now its doorbells could not be heard."""
        self._mark({self._by_channel[channel] for channel in channels})

    def _mark(self, partitions: Iterable[int]) -> None:
        self._unmarked |= self._owned.intersection(partitions)
        self._now.set()

    async def run(self) -> None:
        """Find and route what is overdue, twice a second, until cancelled."""
        while True:
            await wait_for_event(self._now, _FIND_SECONDS)
            self._now.clear()
            try:
                await self.find()
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def find(self) -> None:
        """Find and route what is overdue now.

        Raises:
            BusUnavailableError: Redis is away.
        """
        await self._mark_all_pending()
        owned = sorted(self._owned)
        if not owned:
            self.overdue.note((), self.clock())
            return
        await self._audit.mark_some(owned)
        replies = await self.bus.run([self._find_call(partition) for partition in owned])
        unlit: list[Reading] = []
        for partition, (pending, *values) in zip(owned, replies, strict=True):
            found = list(_readings(partition, values))
            metrics.SWEPT.inc(self._audit.found_by_itself(partition, len(found)))
            if partition in self._owned:
                self.pending[partition] = pending
            if len(found) >= _MOST_PER_PARTITION:
                self._now.set()
            self.overdue.note((reading.charger_id for reading in found), self.clock())
            for reading in found:
                if reading.widget_id:
                    self.route(reading)
                else:
                    unlit.append(reading)
        await self.clearer.clear(unlit)

    async def _mark_all_pending(self) -> None:
        unmarked = set(self._unmarked)
        if unmarked:
            tags = [self.names.chargers[partition] for partition in unmarked]
            await self.bus.run(
                [Call(scripts.MARK_ALL_PENDING, (tag.live, tag.pending), []) for tag in tags]
            )
            self._unmarked -= unmarked

    def _find_call(self, partition: int) -> Call:
        names = self.names.chargers[partition]
        return Call(
            scripts.FIND_OVERDUE,
            (names.directory, names.directory_version, names.live, names.pending),
            [
                round(OVERDUE_SECONDS * 1_000_000),
                _MOST_PER_PARTITION,
                *self.ahead.take_unsure(partition),
            ],
        )


def _readings(partition: int, values: list[bytes]) -> Iterator[Reading]:
    """Read what the script says of chargers: eight values for each."""
    parts = [iter(values)] * 8
    for charger_id, level, epoch, sequence, pairing, widget_id, received_at, traceparent in zip(
        *parts, strict=True
    ):
        yield Reading(
            partition,
            charger_id.decode(),
            float(level),
            (int(epoch), int(sequence)),
            int(pairing),
            widget_id.decode(),
            int(received_at),
            traceparent.decode(errors="replace"),
            is_overdue=True,
        )
