"""Comparing what this gateway's chargers sent with what Redis has stored of it.

This heals a Redis that lost writes, and makes up for messages lost on the way to it. It also
compares the pairings: a connection learns of each change.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway import metrics, scripts
from services.gateway.chargers.admission import close_unregistered
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.stored_fingerprints import PartitionBatch, StoredFingerprints
from services.gateway.chargers.superseding import supersede
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.known_pairing import KnownPairing, read_pairing
from services.gateway.redis_clocks import RedisClocks
from shared.bus.batches import exchanges
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import Names
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

RECONCILE_SECONDS: Final = 2.0
"""In which time all chargers are compared once."""
RECONCILE_STEPS: Final = 20
"""Into how many rounds that is spread."""


@dataclass(eq=False, repr=False)
class Reconciliation:
    """Compares all chargers in turn, and some at once."""

    bus: Bus
    names: Names
    clocks: RedisClocks
    """Told what time it is on Redis' servers."""
    fingerprints: StoredFingerprints
    trust: DirectoryTrust
    on_missing: Callable[[ChargerConnection], None]
    """Called with each charger whose reading Redis lost."""
    on_paired: Callable[[ChargerConnection, KnownPairing, float], None]
    """Called with each charger that has another pairing, and when it was asked for."""
    clock: Callable[[], float]
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._wake = asyncio.Event()
        self.due: set[ChargerConnection] = set()

    def reconcile_soon(self, chargers: Iterable[ChargerConnection]) -> None:
        """Compare these chargers at once."""
        self.due.update(chargers)
        if self.due:
            self._wake.set()

    async def run(self) -> None:
        """Compare all chargers every two seconds, in small steps, until cancelled."""
        turns = itertools.cycle(range(RECONCILE_STEPS))
        next_turn = self.clock()
        while True:
            await wait_for_event(self._wake, next_turn - self.clock())
            self._wake.clear()
            due, self.due = self.due, set()
            batches = self.fingerprints.of(due)
            # By the clock, not only when nothing is due: frequent changes must not put
            # off the regular rounds.
            now = self.clock()
            if now >= next_turn:
                next_turn = max(next_turn + RECONCILE_SECONDS / RECONCILE_STEPS, now)
                for partition in range(next(turns), self.names.partitions, RECONCILE_STEPS):
                    batches += self.fingerprints.of_partition(partition)
            try:
                await self.compare(batches)
            except BusUnavailableError:
                # Once Redis is back, all chargers are compared at once.
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def compare(self, batches: Sequence[PartitionBatch]) -> None:
        """Compare, and act on what differs.

        Raises:
            BusUnavailableError: Redis is away.
        """
        for together in exchanges(batches, lambda batch: len(batch.chargers)):
            sent = self.clock()
            replies = await self.bus.run([self._reconcile_call(batch) for batch in together])
            received = self.clock()
            for batch, (now, *found) in zip(together, replies, strict=True):
                live = self.names.chargers[batch.partition].live
                self.clocks.update(live, int(now), sent, received)
                for place, answer, told in zip(found[::3], found[1::3], found[2::3], strict=True):
                    charger = batch.chargers[place]
                    pairing = read_pairing(told)
                    if pairing is not None:
                        self.on_paired(charger, pairing, sent)
                    self._on_difference(charger, answer)

    def _reconcile_call(self, batch: PartitionBatch) -> Call:
        names = self.names.chargers[batch.partition]
        keys = (names.directory, names.directory_version, names.live)
        return Call(scripts.RECONCILE, keys, batch.words)

    def _on_difference(self, charger: ChargerConnection, answer: bytes) -> None:
        if answer == b"kept" or (not charger.is_open and answer != b"missing"):
            return  # it is closing meanwhile; but its readings count
        match self.trust.read(answer):
            case b"absent":
                pass  # compared again within two seconds
            case b"missing":
                metrics.RESTORED.inc()
                self.on_missing(charger)
            case b"superseded":
                supersede(charger, self.fingerprints)
            case b"unregistered":
                close_unregistered(charger)
            case _:
                raise AssertionError(f"unknown answer of the reconcile script: {answer!r}")
