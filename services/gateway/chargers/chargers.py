"""All chargers connected to this gateway: giving epochs, storing readings, holding on.

The source side of the guarantee. Nothing is awaited per frame: what came in
while one batch was on its way to Redis goes with the next one, of each charger
only the newest reading.
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Final, NamedTuple

from services.gateway import metrics, scripts
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.readings import as_json
from services.gateway.chargers.redis_clocks import RedisClocks
from services.gateway.chargers.stored_fingerprints import PartitionBatch, StoredFingerprints
from services.gateway.connection.connection_context import ConnectionContext
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot, exchanges
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.device_protocol import CloseCode
from shared.contract.names import Names
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000
_ADMISSION_SECONDS: Final = 1.0
"""How long after its last sign of life a connection may draw an epoch without a ping."""
_RETRY_SECONDS: Final = 0.5
"""How soon a connection is looked at again that can not be judged yet."""
_HOLD_SECONDS: Final = 2.0
"""In which time all that is held here is compared with what is stored."""
_HOLD_STEPS: Final = 20
"""Into how many rounds that is spread."""


class _Store(NamedTuple):
    """A reading on its way to Redis; the connection may have a newer one by the answer."""

    charger: ChargerConnection
    epoch: int
    sequence: int
    state_of_charge: float
    received_at: float

    @property
    def again(self) -> bool:
        """Whether Redis had this reading before (and may have lost it)."""
        return self.sequence <= self.charger.stored_sequence


class Chargers:
    """The chargers connected here, and what of them Redis does not have yet.

    Args:
        bus: For the scripts.
        names: Names in Redis.
        gate: Where connections that wait for the directory are counted.
        rng: Jitter of the retries.
    """

    def __init__(self, bus: Bus, names: Names, gate: ConnectionContext, rng: random.Random) -> None:
        self._bus = bus
        self._names = names
        self._gate = gate
        self._clock: Callable[[], float] = gate.clock
        self._redis_clocks = RedisClocks(bus, gate.clock)
        self._backoff = Backoff(0.05, 0.5, rng)
        self._by_partition: list[set[ChargerConnection]] = [set() for _ in names.chargers]
        self._claims = StoredFingerprints(names.partitions)
        self._newcomers: set[ChargerConnection] = set()
        self._unstored: set[ChargerConnection] = set()
        self._writing = False
        self._apart = False
        self._wake = asyncio.Event()
        self._hold_soon: set[ChargerConnection] = set()
        self._hold_now = asyncio.Event()
        bus.on_reconnected(self._regained)

    # What connections say (`services.gateway.chargers.charger_connection.ChargerEvents`).

    def connected(self, charger: ChargerConnection) -> None:
        """Draw an epoch for a charger that is there."""
        self._by_partition[charger.partition].add(charger)
        self._newcomers.add(charger)
        self._wake.set()

    def reported(self, charger: ChargerConnection) -> None:
        """Store a charger's newest reading, as soon as it has an epoch."""
        if charger.epoch is not None:
            self._unstored.add(charger)
            self._wake.set()

    def closing(self, charger: ChargerConnection) -> None:
        """Hold a connection no more."""
        self._claims.forget(charger)

    def disconnected(self, charger: ChargerConnection) -> None:
        """Forget a connection, but not a reading of it that is still to be stored."""
        self._by_partition[charger.partition].discard(charger)
        self._claims.forget(charger)
        if charger.epoch is not None:
            self._gate.chargers_here.left(charger.device_id, charger.epoch)
        if not charger.sequence:
            self._newcomers.discard(charger)

    # What happens around.

    def changed(self, partition: int, ids: list[str]) -> None:
        """Compare chargers with the directory at once (no ids: all of the partition).

        Those that waited for the directory are admitted.
        """
        named = set(ids)
        concerned = [c for c in self._by_partition[partition] if not named or c.device_id in named]
        self._newcomers.update(c for c in concerned if c.epoch is None)
        if self._newcomers:
            self._wake.set()
        self._hold_at_once(concerned)

    @property
    def all_stored(self) -> bool:
        """Whether nothing waits to be stored that could be."""
        return not (self._writing or self._unstored or any(c.sequence for c in self._newcomers))

    def _regained(self) -> None:
        """After a lost connection Redis may be another, empty, or behind."""
        self._redis_clocks.forget()
        for chargers in self._by_partition:
            self._hold_at_once(chargers)

    def _hold_at_once(self, chargers: Iterable[ChargerConnection]) -> None:
        self._hold_soon.update(chargers)
        if self._hold_soon:
            self._hold_now.set()

    # Writing.

    async def write(self) -> None:
        """Give epochs and store readings, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            newcomers = self._take_newcomers()
            stores = self._take_unstored()
            self._writing = True
            try:
                all_well = True
                for part in self._parts(newcomers, stores):
                    all_well &= await self._wrote(*part)
            finally:
                self._writing = False
            # A server of a cluster that is away must not keep those of others from their
            # receipts: from now on each is written to by itself, until all are well.
            self._apart = not all_well
            if all_well:
                self._backoff.reset()
            else:
                await asyncio.sleep(self._backoff.delay())

    async def _wrote(self, newcomers: list[ChargerConnection], stores: list[_Store]) -> bool:
        """Write; if Redis is away, put back what is left, and return False."""
        try:
            while newcomers:
                await self._admit(newcomers[:ITEMS_PER_EXCHANGE])
                del newcomers[:ITEMS_PER_EXCHANGE]
            while stores:
                await self._store(stores[:ITEMS_PER_EXCHANGE])
                del stores[:ITEMS_PER_EXCHANGE]
        except BusUnavailableError:
            # Whether the scripts ran is unknown; all of them may be repeated.
            self._newcomers.update(newcomers)
            self._unstored.update(item.charger for item in stores)
            self._wake.set()
            return False
        return True

    def _parts(
        self, newcomers: list[ChargerConnection], stores: list[_Store]
    ) -> Iterable[tuple[list[ChargerConnection], list[_Store]]]:
        """Return what is written together: all, or what is written to each server."""
        if not self._apart:
            return [(newcomers, stores)]
        servers = [self._bus.server_of(names.live) for names in self._names.chargers]
        parts: defaultdict[Hashable, tuple[list[ChargerConnection], list[_Store]]]
        parts = defaultdict(lambda: ([], []))
        for charger in newcomers:
            parts[servers[charger.partition]][0].append(charger)
        for item in stores:
            parts[servers[item.charger.partition]][1].append(item)
        return parts.values()

    def _take_newcomers(self) -> list[ChargerConnection]:
        """Take those that may draw an epoch now; ask the others for a sign of life."""
        if not self._newcomers:
            return []
        newcomers, self._newcomers = self._newcomers, set()
        now = self._clock()
        ready: list[ChargerConnection] = []
        # In the order they connected: the newest connection draws the greatest epoch.
        for charger in sorted(newcomers, key=lambda c: c.opened_at):
            # One that said something and left at once still counts.
            if charger.epoch is not None or not (charger.is_open or charger.sequence):
                continue
            if now - charger.alive_at < _ADMISSION_SECONDS:
                ready.append(charger)
            else:
                charger.prove_alive()
        return ready

    def _take_unstored(self) -> list[_Store]:
        unstored, self._unstored = self._unstored, set()
        for charger in unstored:
            self._claims.changed(charger)
        return [
            _Store(c, c.epoch, c.sequence, c.state_of_charge, c.received_at)
            for c in unstored
            if c.epoch is not None and not c.superseded
        ]

    async def _measure(self, partitions: Iterable[int]) -> None:
        chargers = self._names.chargers
        await self._redis_clocks.measure([chargers[partition].live for partition in partitions])

    async def _admit(self, newcomers: list[ChargerConnection]) -> None:
        batches = by_slot(newcomers, _partition)
        await self._measure(partition for partition, _ in batches)
        sent = self._clock()
        replies = await self._bus.run([self._admission(p, batch) for p, batch in batches])
        received = self._clock()
        for (partition, batch), (now, *answers) in zip(batches, replies, strict=True):
            clock = self._redis_clocks.of(self._names.chargers[partition].live)
            clock.measured(int(now), sent, received)
            for charger, answer in zip(batch, answers, strict=True):
                self._admitted(charger, answer)

    def _admission(self, partition: int, batch: list[ChargerConnection]) -> Call:
        names = self._names.chargers[partition]
        redis_clock = self._redis_clocks.of(names.live)
        arguments: list[Argument] = [time.time_ns() // 1000]
        for charger in batch:
            deadline = redis_clock.latest(charger.alive_at + _ADMISSION_SECONDS)
            left = 0 if charger.is_open else redis_clock.earliest(charger.opened_at)
            arguments += (charger.device_id, deadline, left)
        return Call(
            scripts.ADMIT, (names.directory, names.directory_version, names.live), arguments
        )

    def _admit_again(self, charger: ChargerConnection) -> None:
        if charger.is_open or charger.sequence:
            self._newcomers.add(charger)
            self._wake.set()

    def _admitted(self, charger: ChargerConnection, answer: bytes) -> None:
        match answer:
            case b"unregistered" if self._gate.distrusts_missing_entries:
                if charger.is_open:
                    self._gate.waiting.add(charger)
                asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._admit_again, charger)
            case b"unregistered":
                _close_unregistered(charger)
            case b"absent":
                # Nobody is turned away as unknown while nobody is known.
                if charger.is_open:
                    self._gate.waiting.add(charger)
            case b"late":
                # Or the clocks have parted: measure them again.
                self._redis_clocks.forget()
                charger.prove_alive()
            case b"superseded":
                self._supersede(charger)
            case epoch:
                self._gate.waiting.discard(charger)
                charger.epoch = int(epoch)
                self._claims.changed(charger)
                if charger.is_open:
                    here = self._gate.chargers_here
                    here.arrived(charger.device_id, charger.partition, charger.epoch)
                if not charger.is_stored:
                    self.reported(charger)

    async def _store(self, stores: list[_Store]) -> None:
        batches = by_slot(stores, lambda item: item.charger.partition)
        await self._measure(partition for partition, _ in batches)
        replies = await self._bus.run([self._storing(p, items) for p, items in batches])
        for (_, items), answers in zip(batches, replies, strict=True):
            for item, answer in zip(items, answers, strict=True):
                self._answered(item, answer)

    def _storing(self, partition: int, items: list[_Store]) -> Call:
        names = self._names.chargers[partition]
        redis_clock = self._redis_clocks.of(names.live)
        arguments: list[Argument] = [names.readings]
        for item in items:
            arguments += (
                item.charger.device_id,
                item.epoch,
                item.sequence,
                as_json(item.state_of_charge),
                redis_clock.earliest(item.received_at),
                int(item.again),
            )
        return Call(
            scripts.STORE,
            (names.directory, names.directory_version, names.live, names.pending),
            arguments,
        )

    def _answered(self, item: _Store, answer: bytes) -> None:
        charger = item.charger
        match answer:
            case b"stored":
                metrics.STORED.value += 1
                charger.stored(item.sequence)
            case b"superseded" if item.again and charger.is_stored:
                # Only what was stored before was asserted again. The device hears of
                # it when it next says something; until then its connection stays.
                self._supersede(charger)
            case b"superseded":
                charger.refuse()
            case b"unregistered" if not self._gate.distrusts_missing_entries:
                _close_unregistered(charger)
            case b"absent" | b"unregistered":
                # The next comparison finds it missing, once the directory is there.
                pass
            case _:
                raise AssertionError(f"unknown answer of the store script: {answer!r}")

    def _supersede(self, charger: ChargerConnection) -> None:
        """Have a connection count no more, and hear of it when it next says something."""
        if not charger.superseded:
            charger.superseded = True
            self._claims.changed(charger)

    # Holding: comparing what is here with what is stored.

    async def hold(self) -> None:
        """Compare everything held here with what is stored, every two seconds, in small steps.

        This is what heals a Redis that lost writes, or a message that was lost
        on the way to it.
        """
        turns = itertools.cycle(range(_HOLD_STEPS))
        next_turn = self._clock()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(next_turn - self._clock()):
                    await self._hold_now.wait()
            self._hold_now.clear()
            due, self._hold_soon = self._hold_soon, set()
            held = self._claims.of(due)
            # By the clock, not by whether it was quiet: changes must not put off the
            # round that nobody asks for.
            now = self._clock()
            if now >= next_turn:
                next_turn = max(next_turn + _HOLD_SECONDS / _HOLD_STEPS, now)
                for partition in range(next(turns), self._names.partitions, _HOLD_STEPS):
                    held += self._claims.of_partition(partition)
            try:
                await self._compare(held)
            except BusUnavailableError:
                # Noticed elsewhere too; when Redis is back all is compared at once.
                await asyncio.sleep(self._backoff.delay())

    async def _compare(self, held: list[PartitionBatch]) -> None:
        for together in exchanges(held, lambda one: len(one.chargers)):
            replies = await self._bus.run([self._holding(one) for one in together])
            for one, answers in zip(together, replies, strict=True):
                for place, answer in zip(answers[::2], answers[1::2], strict=True):
                    self._compared(one.chargers[place], answer)

    def _holding(self, held: PartitionBatch) -> Call:
        names = self._names.chargers[held.partition]
        keys = (names.directory, names.directory_version, names.live)
        return Call(scripts.RECONCILE, keys, held.claims)

    def _compared(self, charger: ChargerConnection, answer: bytes) -> None:
        if not charger.is_open and answer != b"missing":
            return  # it is closing meanwhile; but what it said counts
        match answer:
            case b"absent":
                pass
            case b"unregistered" if self._gate.distrusts_missing_entries:
                pass  # looked at again within two seconds
            case b"missing":
                self.reported(charger)
            case b"superseded" if charger.is_stored or charger.superseded:
                self._supersede(charger)
            case b"superseded":
                charger.refuse()
            case b"unregistered":
                _close_unregistered(charger)
            case _:
                raise AssertionError(f"unknown answer of the hold script: {answer!r}")


def _partition(charger: ChargerConnection) -> int:
    return charger.partition


def _close_unregistered(charger: ChargerConnection) -> None:
    _log.info("charger is not registered", charger_id=charger.device_id)
    charger.close(CloseCode.NOT_REGISTERED, "this charger is not registered")
