"""Storing readings: of each charger only the newest, and those of a moment in one batch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.gateway import metrics, scripts
from services.gateway.chargers.admission import close_unregistered
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.readings import as_json
from services.gateway.chargers.stored_fingerprints import StoredFingerprints
from services.gateway.chargers.superseding import supersede
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.redis_clocks import RedisClocks
from shared.bus.batches import by_slot
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.names import Names

if TYPE_CHECKING:
    from services.gateway.chargers.reading_traces import ReadingTraces
    from services.gateway.chargers.replication import Replication

_partition_of: Final = attrgetter("charger.partition")


class Reading(NamedTuple):
    """A reading on its way to Redis; the connection may have a newer one by the answer."""

    charger: ChargerConnection
    epoch: int
    sequence: int
    state_of_charge: float
    received_at: float
    mark: str


@dataclass(eq=False, repr=False)
class ReadingStore:
    """The chargers with a reading that is not stored, and storing it.

    Attributes:
        unstored: Chargers with an epoch and a reading to store with the next batch.
    """

    bus: Bus
    names: Names
    fingerprints: StoredFingerprints
    trust: DirectoryTrust
    clocks: RedisClocks
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self.unstored: set[ChargerConnection] = set()
        self.traces: ReadingTraces | None = None
        self.replication: Replication | None = None

    def take(self) -> list[Reading]:
        """Take the newest reading of each charger."""
        unstored, self.unstored = self.unstored, set()
        readings: list[Reading] = []
        for c in unstored:
            self.fingerprints.mark_stale(c)
            if c.epoch is not None and not c.superseded:
                readings.append(
                    Reading(c, c.epoch, c.sequence, c.state_of_charge, c.received_at, c.mark or "")
                )
        return readings

    def put_back(self, readings: Iterable[Reading]) -> None:
        """Store these chargers' readings with the next batch, or newer ones if there are."""
        self.unstored.update(reading.charger for reading in readings)

    async def store(self, readings: list[Reading]) -> None:
        """Store readings.

        Raises:
            BusUnavailableError: Redis is away; the script may be repeated.
        """
        batches = by_slot(readings, _partition_of)
        now = self.clock()
        calls = [self._store_call(*batch, now) for batch in batches]
        on_stored: Callable[[ChargerConnection, int], None] | None = None
        if self.replication is not None:
            on_stored = self.replication.begin(partition for partition, _ in batches)
        replies = await self.bus.run(calls)
        now = self.clock()
        for (_, batch), answers in zip(batches, replies, strict=True):
            if self.traces is not None:
                self.traces.on_answers(batch, answers)
            for reading, answer in zip(batch, answers, strict=True):
                if answer == b"stored":
                    metrics.STORED.value += 1
                    if reading.sequence > reading.charger.stored_sequence:  # for the first time
                        metrics.STORE_SECONDS.observe(now - reading.received_at)
                    if on_stored is None:
                        reading.charger.on_stored(reading.sequence)
                    else:
                        on_stored(reading.charger, reading.sequence)
                else:
                    self._on_refused(reading.charger, answer)

    def _store_call(self, partition: int, batch: list[Reading], now: float) -> Call:
        names = self.names.chargers[partition]
        # 0: it is not known, and the script counts from when it runs.
        redis_now = self.clocks.estimate(names.live, now) or 0
        arguments: list[Argument] = [names.readings, redis_now]
        for charger, epoch, sequence, state_of_charge, received_at, mark in batch:
            arguments += (
                charger.device_id,
                epoch,
                sequence,
                as_json(state_of_charge),
                round((now - received_at) * 1_000_000),
                mark,
            )
        if self.traces is not None and (contexts := self.traces.begin(batch)):
            arguments.append(msgspec.json.encode(contexts))
        keys = (names.directory, names.directory_version, names.live, names.pending)
        return Call(scripts.STORE, keys, arguments)

    def _on_refused(self, charger: ChargerConnection, answer: bytes) -> None:
        match self.trust.read(answer):
            case b"superseded":
                supersede(charger, self.fingerprints)
            case b"unregistered":
                close_unregistered(charger)
            case b"absent":
                pass  # reconciling finds it missing, once the directory is there
            case _:
                raise AssertionError(f"unknown answer of the store script: {answer!r}")
