"""All chargers connected to this gateway: given epochs, stored, and reconciled with Redis.

The source side of the guarantee. Nothing is awaited per frame: what came in
while one batch was on its way to Redis goes with the next one, of each charger
only the newest reading.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import chain

from services.gateway.chargers.admission import Admission
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.reading_store import Reading, ReadingStore
from services.gateway.chargers.reading_traces import ReadingTraces
from services.gateway.chargers.reconciliation import Reconciliation
from services.gateway.chargers.replication import Replication
from services.gateway.chargers.stored_fingerprints import StoredFingerprints
from services.gateway.chargers.uncertain_readings import UncertainReadings
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.known_pairing import KnownPairing
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.redis_clocks import RedisClocks
from shared.bus.batches import ITEMS_PER_EXCHANGE
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.names import Names
from shared.process.backoff import Backoff

_Part = tuple[list[ChargerConnection], list[Reading]]
"""Chargers to admit and readings to store, written together."""


@dataclass(eq=False, repr=False)
class Chargers:
    """The chargers connected here, and what of them Redis does not have yet."""

    bus: Bus
    names: Names
    context: ConnectionContext
    devices: ConnectedDevices
    """Where chargers that have an epoch are noted."""
    trust: DirectoryTrust
    rng: random.Random

    def __post_init__(self) -> None:
        self.traces: ReadingTraces | None = None
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._by_partition: list[set[ChargerConnection]] = [set() for _ in self.names.chargers]
        self._clocks = RedisClocks(self.bus, self.context.clock)
        self._fingerprints = StoredFingerprints(self.names.partitions)
        self._admission = Admission(
            self.bus,
            self.names,
            self._clocks,
            context=self.context,
            trust=self.trust,
            on_admitted=self._on_admitted,
        )
        self._store = ReadingStore(
            self.bus,
            self.names,
            self._fingerprints,
            self.trust,
            self._clocks,
            self.context.clock,
        )
        self.replication: Replication | None = None
        if enough := self.context.settings.wait_replicas:
            self.replication = self._store.replication = Replication(
                self.bus, self.names, enough, self._store_soon, self.context.clock
            )
        self._uncertain = UncertainReadings(self.context)
        self._reconciliation = Reconciliation(
            self.bus,
            self.names,
            self._clocks,
            self._fingerprints,
            self.trust,
            on_missing=self._store_soon,
            on_paired=self._on_paired,
            clock=self.context.clock,
            rng=self.rng,
        )
        self._writing_since: float | None = None
        self._behind_since: float | None = None
        self._on_their_way: list[Reading] = []
        self._failed = False
        self._wake = asyncio.Event()
        self.bus.on_reconnected(self._on_reconnected)
        self.trust.on_restored(lambda: self._admit_waiting(chain(*self._by_partition)))

    def traced_by(self, traces: ReadingTraces) -> None:
        """Trace some of the readings from now on."""
        self.traces = self._store.traces = traces

    # Events of connections (`services.gateway.chargers.charger_connection.ChargerEvents`).

    def on_connected(self, charger: ChargerConnection) -> None:
        """Draw an epoch for a charger that is there."""
        self._by_partition[charger.partition].add(charger)
        self._admission.newcomers.add(charger)
        self._wake.set()

    def on_connector(
        self, connector: ChargerConnection, epoch: int, pairing: KnownPairing, asked_at: float
    ) -> None:
        """Store for a connector of a charger that has its epoch, as for a charger."""
        self._by_partition[connector.partition].add(connector)
        self._on_admitted(connector, epoch, pairing, asked_at)

    def on_reading(self, charger: ChargerConnection) -> None:
        """Store a charger's newest reading, as soon as it has an epoch."""
        if self.traces is not None:
            self.traces.on_reading(charger)
        if charger.epoch is not None:
            self._store.unstored.add(charger)
            self._wake.set()

    def on_uncertain(self, charger: ChargerConnection) -> None:
        """Ask a charger for its level soon, unless it says it by itself."""
        self._uncertain.add(charger)

    def on_closing(self, charger: ChargerConnection) -> None:
        """Stop reconciling a connection."""
        self._fingerprints.forget(charger)
        self._uncertain.discard(charger)

    def on_disconnected(self, charger: ChargerConnection) -> None:
        """Forget a connection, but not a reading of it that is still to be stored."""
        self._by_partition[charger.partition].discard(charger)
        self._fingerprints.forget(charger)
        self._uncertain.discard(charger)
        if charger.epoch is not None:
            self.devices.disconnect(charger.device_id, charger.epoch)
        if not charger.sequence:
            self._admission.newcomers.discard(charger)

    # Events of the directory, and of Redis.

    def on_directory_change(self, partition: int, ids: list[str]) -> None:
        """Compare chargers with the directory at once (no ids: all of the partition).

        Those that waited for the directory are admitted.
        """
        chargers = self._by_partition[partition]
        if ids:
            named = set(ids)
            chargers = {c for c in chargers if c.device_id in named}
        self._admit_waiting(chargers)
        self._reconciliation.reconcile_soon(chargers)

    def _admit_waiting(self, chargers: Iterable[ChargerConnection]) -> None:
        self._admission.retry(chargers)
        if self._admission.newcomers:
            self._wake.set()

    def _on_reconnected(self) -> None:
        # Redis may be another server, empty, or behind.
        self._clocks.forget()
        self._reconciliation.reconcile_soon(chain(*self._by_partition))

    def _on_paired(
        self, charger: ChargerConnection, pairing: KnownPairing, asked_at: float
    ) -> None:
        now = self.context.clock()
        # A clock that was set says nothing of what was before.
        steady = self._clocks.steady_for(self.names.chargers[charger.partition].live, now)
        pairing = pairing._replace(age=min(pairing.age, steady))
        if charger.learn(pairing, asked_at, now):
            self._fingerprints.mark_stale(charger)

    def _on_admitted(
        self,
        charger: ChargerConnection,
        epoch: int,
        pairing: KnownPairing | None,
        asked_at: float,
    ) -> None:
        charger.epoch = epoch
        if pairing is not None:
            self._on_paired(charger, pairing, asked_at)
        self._fingerprints.mark_stale(charger)
        if charger.is_open:
            self.devices.connect(charger.device_id, charger.partition, epoch)
        if not charger.is_stored:
            self._store_soon(charger)
        charger.on_admitted()

    def _store_soon(self, charger: ChargerConnection) -> None:
        self._store.unstored.add(charger)
        self._wake.set()

    # Writing and reconciling.

    @property
    def all_stored(self) -> bool:
        """Whether nothing waits to be stored, or for replicas, that could be."""
        waits = self._writing_since is not None or self._store.unstored or self._unreplicated
        return not (waits or any(c.sequence for c in self._admission.newcomers))

    @property
    def unstored(self) -> int:
        """How many chargers have a reading that waits to be stored, or is on its way.

        Where readings must be at replicas, also on its way to these.
        """
        newcomers = sum(c.sequence > 0 for c in self._admission.newcomers)
        on_their_way = (reading.charger for reading in self._on_their_way)
        return newcomers + len({*self._store.unstored, *on_their_way, *self._unreplicated})

    @property
    def unstored_seconds(self) -> float:
        """For how long at least one reading has been waiting, in seconds."""
        since = self._writing_since if self._behind_since is None else self._behind_since
        lacking_since = None if self.replication is None else self.replication.lacking_since
        found = [moment for moment in (since, lacking_since) if moment is not None]
        return self.context.clock() - min(found) if found else 0.0

    @property
    def _unreplicated(self) -> set[ChargerConnection]:
        return set() if self.replication is None else self.replication.waiting

    async def write(self) -> None:
        """Give epochs and store readings, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            newcomers = self._admission.take() if self._admission.newcomers else []
            readings = self._store.take()
            # A server of a cluster that is away must not keep receipts from chargers of the
            # others: until all are well, each server is written to by itself.
            parts = (
                self._by_server(newcomers, readings) if self._failed else [(newcomers, readings)]
            )
            failed = False
            self._on_their_way = readings
            self._writing_since = self.context.clock()
            try:
                for part in parts:
                    failed |= not await self._write(*part)
                if not failed:
                    self._behind_since = None
                elif self._behind_since is None:
                    self._behind_since = self._writing_since
            finally:
                self._writing_since, self._on_their_way = None, []
            if failed:
                self._failed = True
                await asyncio.sleep(self._backoff.delay())
            elif self._failed:
                self._failed = False
                self._backoff.reset()

    async def _write(self, newcomers: list[ChargerConnection], readings: list[Reading]) -> bool:
        """Write; if Redis is away, put back what is left, and return False."""
        try:
            while newcomers:
                await self._admission.admit(newcomers[:ITEMS_PER_EXCHANGE])
                del newcomers[:ITEMS_PER_EXCHANGE]
            if self._admission.newcomers:
                self._wake.set()  # some were late: their second try is due
            while readings:
                await self._store.store(readings[:ITEMS_PER_EXCHANGE])
                del readings[:ITEMS_PER_EXCHANGE]
        except BusUnavailableError:
            # Whether the scripts ran is unknown; all of them may be repeated.
            self._admission.newcomers.update(newcomers)
            self._store.put_back(readings)
            self._wake.set()
            return False
        return True

    def _by_server(
        self, newcomers: list[ChargerConnection], readings: list[Reading]
    ) -> Iterable[_Part]:
        servers = [self.bus.server_of(names.live) for names in self.names.chargers]
        parts: defaultdict[Hashable, _Part] = defaultdict(lambda: ([], []))
        for charger in newcomers:
            parts[servers[charger.partition]][0].append(charger)
        for reading in readings:
            parts[servers[reading.charger.partition]][1].append(reading)
        return parts.values()

    async def reconcile(self) -> None:
        """Compare all chargers with what is stored, every two seconds, until cancelled."""
        await self._reconciliation.run()
