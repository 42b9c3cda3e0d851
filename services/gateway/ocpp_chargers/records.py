"""What is stored of chargers that speak OCPP, beside their readings.

Their transactions: OCPP 2 names a connector only in the first message of one, and the next
message may come to another gateway. So they are read once a connection has its epoch, and stored
with each change. A connection holds them too: a Redis that was emptied gets them again.

And which of their connectors are registered, and what counts as full there: read at the same time,
and when that changes. And for ``explain`` what they say of themselves.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.known_pairing import KnownPairing, read_pairing
from services.gateway.presence.writing import write_each_second
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000


class Recalled(NamedTuple):
    """What is stored of a connector that is registered."""

    number: int
    """1: the charger itself."""
    sampled_at: float | None
    """When its reading was sampled, by the context's clock; None: there is none."""
    pairing: KnownPairing | None
    """None for the charger itself: its pairing is known already."""
    full_when: str | None
    """What counts as full there; None: nobody knows, Redis was emptied."""


class Recorded(Protocol):
    """A connection whose charger has transactions (`OcppConnection`)."""

    device_id: str
    partition: int
    epoch: int | None
    transactions: bytes
    """Those to store, as JSON; empty while none are known."""
    changes: int
    """How often they changed."""

    def on_recalled(
        self, transactions: bytes, connectors: Sequence[Recalled], asked_at: float
    ) -> None:
        """Take what is stored, which was asked for at a moment."""

    def on_remembered(self, changes: int) -> None:
        """Note that the transactions are stored as they were after so many changes."""

    def describe(self) -> bytes:
        """Return what is known of the charger, for ``explain``, as JSON."""

    def close_superseded(self) -> None:
        """Close, because a newer connection of this charger counts."""


@dataclass(eq=False, repr=False)
class Records:
    """Reads and stores them, in batches."""

    bus: Bus
    quiet_bus: Bus
    """One that no reading waits for."""
    names: Names
    clock: Callable[[], float]
    rng: random.Random
    _connections: defaultdict[int, set[Recorded]] = field(default_factory=lambda: defaultdict(set))
    _to_recall: set[Recorded] = field(default_factory=set)
    _to_remember: set[Recorded] = field(default_factory=set)
    _to_tell: set[Recorded] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._wake = asyncio.Event()
        self._failure_log = RateLimitedLog(_log, "transactions cannot be kept", self.clock)
        self.bus.on_reconnected(self._remember_all)

    def recall(self, charger: Recorded) -> None:
        """Read what is stored of a charger that has its epoch."""
        self._connections[charger.partition].add(charger)
        self._to_recall.add(charger)
        self._wake.set()

    def remember(self, charger: Recorded) -> None:
        """Store a charger's transactions."""
        self._to_remember.add(charger)
        self._wake.set()

    def tell(self, charger: Recorded) -> None:
        """Store what is known of a charger, some time soon."""
        self._to_tell.add(charger)

    def forget(self, charger: Recorded) -> None:
        """Stop keeping the transactions of a connection that ended; what it said is stored."""
        self._connections[charger.partition].discard(charger)
        self._to_recall.discard(charger)

    def on_directory_change(self, partition: int, ids: list[str]) -> None:
        """Look how connectors are registered now; if all may be lost, store all again."""
        connections = self._connections[partition]
        if ids:
            changed = {device_id.partition(":")[0] for device_id in ids}
            self._to_recall.update(each for each in connections if each.device_id in changed)
        else:
            self._to_recall.update(connections)
            self._remember_again(connections)
        self._wake.set()

    def _remember_all(self) -> None:
        for connections in self._connections.values():
            self._remember_again(connections)

    def _remember_again(self, chargers: Iterable[Recorded]) -> None:
        self._to_remember.update(each for each in chargers if each.transactions)
        self._to_tell.update(chargers)
        self._wake.set()

    async def keep(self) -> None:
        """Read and store, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            to_recall, self._to_recall = list(self._to_recall), set()
            to_remember, self._to_remember = list(self._to_remember), set()
            try:
                # In this order: what is known here is newer.
                while to_recall:
                    await self._recall(to_recall[:ITEMS_PER_EXCHANGE])
                    del to_recall[:ITEMS_PER_EXCHANGE]
                while to_remember:
                    await self._remember(to_remember[:ITEMS_PER_EXCHANGE])
                    del to_remember[:ITEMS_PER_EXCHANGE]
            except BusUnavailableError:
                self._to_recall.update(to_recall)
                self._to_remember.update(to_remember)
                self._wake.set()
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    async def _recall(self, chargers: list[Recorded]) -> None:
        batches = by_slot(chargers, lambda charger: charger.partition)
        calls = []
        for partition, batch in batches:
            words: list[Argument] = []
            for charger in batch:
                words += (charger.device_id, charger.epoch or 0)
            names = self.names.chargers[partition]
            keys = (
                *(names.directory, names.directory_version, names.live, names.transactions),
                names.credentials,
            )
            calls.append(Call(scripts.RECALL, keys, words))
        asked_at = self.clock()
        replies = await self.bus.run(calls, return_errors=True)
        now = self.clock()
        for (_, batch), answers in zip(batches, replies, strict=True):
            found = answers
            if isinstance(answers, ResponseError):
                # A key of another type: without its transactions a charger is served all the same.
                self._failure_log.log(answers)
                found = [b"", *([[b""]] * len(batch))]
            for charger, answer in zip(batch, found[1:], strict=True):
                if answer is not None:  # else it is told that it is superseded soon
                    transactions, *words = answer
                    charger.on_recalled(transactions, _recalled(words, now), asked_at)

    async def _remember(self, chargers: list[Recorded]) -> None:
        batches = by_slot(chargers, lambda charger: charger.partition)
        calls, changes = [], {charger: charger.changes for charger in chargers}
        for partition, batch in batches:
            stored = [(charger, charger.transactions) for charger in batch]
            calls.append(self._call(partition, self.names.chargers[partition].transactions, stored))
        replies = await self.bus.run(calls, return_errors=True)
        for (_, batch), answers in zip(batches, replies, strict=True):
            if isinstance(answers, ResponseError):
                self._failure_log.log(answers)
                continue
            for charger, answer in zip(batch, answers, strict=True):
                if answer == b"superseded":
                    charger.close_superseded()
                else:
                    charger.on_remembered(changes[charger])

    async def tell_all(self) -> None:
        """Store what is known of chargers of which there is something new.

        Raises:
            BusUnavailableError: Redis is away; they are kept.
        """
        chargers, self._to_tell = list(self._to_tell), set()
        calls = []
        for partition, batch in by_slot(chargers, lambda charger: charger.partition):
            known = [(charger, charger.describe()) for charger in batch]
            calls.append(self._call(partition, self.names.chargers[partition].ocpp, known))
        try:
            for reply in await self.quiet_bus.run(calls, return_errors=True) if calls else ():
                if isinstance(reply, ResponseError):
                    self._failure_log.log(reply)
        except BusUnavailableError:
            self._to_tell.update(chargers)
            raise

    async def tell_news(self) -> None:
        """Store what is new about once a second, until cancelled."""
        await write_each_second(self.tell_all, self.rng)

    def _call(self, partition: int, key: str, values: Iterable[tuple[Recorded, bytes]]) -> Call:
        words: list[Argument] = []
        for charger, value in values:
            words += (charger.device_id, charger.epoch or 0, value)
        return Call(scripts.REMEMBER, (self.names.chargers[partition].live, key), words)


def _recalled(words: Sequence[Any], now: float) -> list[Recalled]:
    return [
        Recalled(
            int(number),
            None if age is None else now - int(age) / _MICROSECONDS,
            read_pairing(told),
            None if full_when is None else full_when.decode(errors="replace"),
        )
        for number, age, told, full_when in zip(
            words[::4], words[1::4], words[2::4], words[3::4], strict=True
        )
    ]
