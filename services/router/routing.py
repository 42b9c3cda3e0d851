"""From stored readings to widgets' statuses, in batches.

Doorbells bring readings as they are stored; the sweep finds those whose
doorbell was lost. Both go the same way: compute, write behind the fence, and
only then clear what was pending. Clearing is nothing that a light waits for, so it is
done a moment later, many at once, and of one charger only for the newest reading.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from services.router import metrics, scripts
from services.router.thresholds import EMPTY, FULL, Thresholds
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Argument, Call
from shared.bus.subscriber import Subscriber
from shared.contract.doorbells import (
    ReadingDoorbell,
    Revision,
    StatusData,
    StatusDoorbell,
    decode_reading,
    encode_status,
)
from shared.contract.names import Names, is_device_id, partition_of
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_SWEEP_SECONDS: Final = 0.5
_PENDING_SECONDS: Final = 0.5
"""What is pending for longer than this, no doorbell will bring."""
_SETTLE_SECONDS: Final = 0.1
"""How long routed readings are collected before they are cleared, far less than the above."""
_SETTLED_PER_EXCHANGE: Final = 200
"""Readings after which no more are cleared in one exchange: lights wait for it."""
_RECALLED: Final = 100
"""Most readings taken per partition and sweep; if there are more, it goes on at once."""


class Reading(NamedTuple):
    """A stored reading and where it goes."""

    partition: int
    charger_id: str
    state_of_charge: float
    revision: Revision
    pairing: int
    widget_id: str

    @property
    def order(self) -> tuple[int, Revision]:
        """What makes a reading of the same charger newer."""
        return (self.pairing, self.revision)


class Routing:
    """Routes the readings of this router's partitions.

    Args:
        bus: For the scripts.
        subscriber: For the doorbells.
        names: Names in Redis.
        thresholds: What a state of charge means.
        version: Their version.
        rng: Jitter of the retries.
    """

    def __init__(
        self,
        bus: Bus,
        subscriber: Subscriber,
        names: Names,
        *,
        thresholds: Thresholds,
        version: int,
        rng: random.Random,
    ) -> None:
        self._bus = bus
        self._subscriber = subscriber
        self._names = names
        self._thresholds = thresholds
        self._version = version
        self._backoff = Backoff(0.05, 0.5, rng)
        self._by_channel = {n.readings: n.partition for n in names.chargers}
        self._owned: set[int] = set()
        self._unmarked: set[int] = set()
        self._waiting: dict[str, Reading] = {}
        self._wake = asyncio.Event()
        self._routed: defaultdict[int, dict[str, Reading]] = defaultdict(dict)
        self._settle_soon = asyncio.Event()
        self._sweep_now = asyncio.Event()
        bus.on_reconnected(self._mark_all)

    def own(self, partitions: set[int]) -> None:
        """Work on partitions from now on. `confirmed` looks at all that is stored."""
        self._owned |= partitions
        self._subscriber.subscribe(self._names.chargers[p].readings for p in partitions)

    def disown(self, partitions: set[int]) -> None:
        """Work on partitions no more."""
        self._owned -= partitions
        self._unmarked -= partitions
        self._subscriber.unsubscribe(self._names.chargers[p].readings for p in partitions)

    def heard(self, channel: str, payload: bytes) -> None:
        """Take a doorbell."""
        partition = self._by_channel.get(channel)
        if partition is None:
            return
        try:
            doorbell = decode_reading(payload)
        except msgspec.DecodeError as error:
            _log.warning("not a reading", channel=channel, reason=str(error))
            return
        metrics.HEARD.value += 1
        if doorbell.widget:
            if not _is_sound(doorbell):
                # Somebody tried something with redis-cli: no reason to stop.
                _log.warning("not a reading", channel=channel, reason="bad id or level")
                return
            self._accept(
                Reading(
                    partition,
                    doorbell.charger,
                    doorbell.data.soc,
                    doorbell.revision,
                    doorbell.pairing,
                    doorbell.widget,
                )
            )

    def confirmed(self, channels: list[str]) -> None:
        """Look at all that is stored whose doorbells could not be heard until now."""
        self._mark({self._by_channel[c] for c in channels if c in self._by_channel})

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be routed."""
        return not self._waiting

    def _mark_all(self) -> None:
        """After a lost connection Redis may be another, which misses statuses."""
        # What was written before is no reason any more to clear anything.
        self._routed.clear()
        self._mark(self._owned)

    def _mark(self, partitions: Iterable[int]) -> None:
        self._unmarked |= self._owned.intersection(partitions)
        self._sweep_now.set()

    def _accept(self, reading: Reading) -> None:
        """Keep a reading for the next batch; of one charger only the newest."""
        known = self._waiting.get(reading.charger_id)
        if known is None or reading.order > known.order:
            self._waiting[reading.charger_id] = reading
        self._wake.set()

    # Writing statuses.

    async def route(self) -> None:
        """Write statuses, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            readings = list(waiting.values())
            try:
                while readings:
                    routed = await self._light(readings[:ITEMS_PER_EXCHANGE])
                    for reading in routed:
                        # Of two of one charger the older one could clear nothing any more.
                        self._routed[reading.partition][reading.charger_id] = reading
                    self._settle_soon.set()
                    del readings[:ITEMS_PER_EXCHANGE]
            except BusUnavailableError:
                for reading in readings:
                    self._accept(reading)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def _light(self, readings: list[Reading]) -> list[Reading]:
        """Write the statuses of readings; return those that need no more work."""
        batches = by_slot(readings, lambda one: partition_of(one.widget_id, self._names.partitions))
        replies = await self._bus.run([self._lighting(p, items) for p, items in batches])
        routed: list[Reading] = []
        lit = stale = 0
        for (_, items), answers in zip(batches, replies, strict=True):
            lit += answers.count(b"lit")
            stale += answers.count(b"stale")
            # One of another pairing than the widget's stays pending, and the sweep
            # reads it anew, with its pairing of then.
            routed += [
                reading
                for reading, answer in zip(items, answers, strict=True)
                if answer != b"mismatch"
            ]
        metrics.LIT.inc(lit)
        metrics.STALE.inc(stale)
        metrics.MISMATCH.inc(len(readings) - lit - stale)
        return routed

    def _lighting(self, partition: int, readings: list[Reading]) -> Call:
        names = self._names.widgets[partition]
        arguments: list[Argument] = []
        for reading in readings:
            status = self._thresholds.status_of(reading.state_of_charge)
            message = StatusDoorbell(
                data=StatusData(status),
                widget=reading.widget_id,
                charger=reading.charger_id,
                pairing=reading.pairing,
                revision=reading.revision,
                thresholds=self._version,
            )
            arguments += (
                reading.widget_id,
                names.status_channel(reading.widget_id),
                reading.pairing,
                *reading.revision,
                self._version,
                reading.charger_id,
                status.value,
                encode_status(message),
            )
        return Call(scripts.LIGHT, (names.directory, names.statuses, names.transitions), arguments)

    # Clearing what was pending.

    async def settle(self) -> None:
        """Clear what was routed from pending, a moment later, until cancelled."""
        while True:
            await self._settle_soon.wait()
            self._settle_soon.clear()
            await asyncio.sleep(_SETTLE_SECONDS)
            await self.settle_routed()

    async def settle_routed(self) -> None:
        """Clear what was routed until now; what can not be cleared, the sweep brings again."""
        with contextlib.suppress(BusUnavailableError):
            while self._routed:
                # Whole partitions: the more of one there are, the less each costs.
                readings: list[Reading] = []
                while self._routed and len(readings) < _SETTLED_PER_EXCHANGE:
                    _, of_partition = self._routed.popitem()
                    readings += of_partition.values()
                await self._settle(readings)

    async def _settle(self, readings: list[Reading]) -> None:
        """Clear readings from pending that nothing has changed about since."""
        batches = by_slot(readings, lambda one: one.partition)
        if batches:
            await self._bus.run([self._settling(p, items) for p, items in batches])

    def _settling(self, partition: int, readings: list[Reading]) -> Call:
        names = self._names.chargers[partition]
        arguments: list[Argument] = []
        for reading in readings:
            arguments += (reading.charger_id, *reading.revision, reading.pairing)
        return Call(scripts.CLEAR_PENDING, (names.directory, names.live, names.pending), arguments)

    # The sweep.

    async def sweep(self) -> None:
        """Find what stays pending, twice a second, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._sweep_now.wait()
            except TimeoutError:
                pass
            self._sweep_now.clear()
            try:
                await self._sweep()
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())

    async def _sweep(self) -> None:
        unmarked = set(self._unmarked)
        if unmarked:
            chargers = [self._names.chargers[p] for p in unmarked]
            await self._bus.run(
                [Call(scripts.MARK_ALL_PENDING, (n.live, n.pending), []) for n in chargers]
            )
            self._unmarked -= unmarked
        owned = sorted(self._owned)
        if not owned:
            return
        replies = await self._bus.run([self._recalling(partition) for partition in owned])
        nothing_to_light: list[Reading] = []
        for partition, values in zip(owned, replies, strict=True):
            found = list(_readings(partition, values))
            metrics.SWEPT.inc(len(found))
            if len(found) >= _RECALLED:
                self._sweep_now.set()
            for reading in found:
                if reading.widget_id:
                    self._accept(reading)
                else:
                    nothing_to_light.append(reading)
        await self._settle(nothing_to_light)

    def _recalling(self, partition: int) -> Call:
        names = self._names.chargers[partition]
        return Call(
            scripts.FIND_OVERDUE,
            (names.directory, names.directory_version, names.live, names.pending),
            [round(_PENDING_SECONDS * 1_000_000), _RECALLED],
        )


def _is_sound(doorbell: ReadingDoorbell) -> bool:
    return (
        is_device_id(doorbell.charger)
        and is_device_id(doorbell.widget)
        and EMPTY <= doorbell.data.soc <= FULL
    )


def _readings(partition: int, values: list[bytes]) -> Iterable[Reading]:
    """Take the recall script's answer apart: six values per charger."""
    parts = [iter(values)] * 6
    for charger_id, level, epoch, sequence, pairing, widget_id in zip(*parts, strict=True):
        yield Reading(
            partition,
            charger_id.decode(),
            float(level),
            (int(epoch), int(sequence)),
            int(pairing),
            widget_id.decode(),
        )
