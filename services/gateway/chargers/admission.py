"""Giving chargers that connected their epochs: the newest connection gets the greatest."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from services.gateway import scripts
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.known_pairing import KnownPairing, read_pairing
from services.gateway.redis_clocks import RedisClock, RedisClocks
from shared.bus.batches import by_slot
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.device_protocol import CloseCode
from shared.contract.names import Names
from shared.process import logs

_log = logs.get(__name__)

_ADMISSION_SECONDS: Final = 1.0
"""How long after its last sign of life a connection may draw an epoch without a ping."""


@dataclass(eq=False, repr=False)
class Admission:
    """The connections that have no epoch yet, and drawing one for them.

    Attributes:
        newcomers: Those to admit with the next batch.
    """

    bus: Bus
    names: Names
    clocks: RedisClocks
    """For deadlines in Redis' time."""
    context: ConnectionContext
    trust: DirectoryTrust
    on_admitted: Callable[[ChargerConnection, int, KnownPairing | None, float], None]
    """Called with each charger, the epoch that it got, its pairing, and when that was asked for."""

    def __post_init__(self) -> None:
        self._left_in_doubt: list[ChargerConnection] = []
        self.newcomers: set[ChargerConnection] = set()

    def retry(self, chargers: Iterable[ChargerConnection]) -> None:
        """Admit those of these chargers that have no epoch, and those that left meanwhile."""
        self.newcomers.update(c for c in chargers if c.epoch is None)
        self.newcomers.update(self._left_in_doubt)
        self._left_in_doubt.clear()

    def take(self) -> list[ChargerConnection]:
        """Take those that may draw an epoch now; ask the others for a sign of life."""
        newcomers, self.newcomers = self.newcomers, set()
        now = self.context.clock()
        ready: list[ChargerConnection] = []
        # In the order they connected: the newest connection draws the greatest epoch.
        for charger in sorted(newcomers, key=lambda c: c.opened_at):
            # One that sent a reading and left at once still counts.
            if charger.epoch is not None or not (charger.is_open or charger.sequence):
                continue
            if now - charger.alive_at < _ADMISSION_SECONDS:
                ready.append(charger)
            else:
                charger.prove_alive()
        return ready

    async def admit(self, chargers: list[ChargerConnection]) -> None:
        """Draw epochs.

        Raises:
            BusUnavailableError: Redis is away; the script may be repeated.
        """
        batches = by_slot(chargers, lambda charger: charger.partition)
        keys = [self.names.chargers[partition].live for partition, _ in batches]
        estimated = [self.clocks.is_known(key) for key in keys]
        clocks = await self.clocks.of(keys)
        sent = self.context.clock()
        replies = await self.bus.run(
            [self._admit_call(*batch, clock) for batch, clock in zip(batches, clocks, strict=True)]
        )
        received = self.context.clock()
        for key, was_estimated, (_, batch), (now, *answers) in zip(
            keys, estimated, batches, replies, strict=True
        ):
            self.clocks.update(key, int(now), sent, received)
            for charger, answer, told in zip(batch, answers[::2], answers[1::2], strict=True):
                if answer == b"late":
                    self._on_late(charger, was_estimated=was_estimated)
                else:
                    self._on_answer(charger, answer, read_pairing(told), sent)

    def _admit_call(
        self, partition: int, batch: list[ChargerConnection], redis_clock: RedisClock
    ) -> Call:
        names = self.names.chargers[partition]
        arguments: list[Argument] = [time.time_ns() // 1000]
        for charger in batch:
            deadline = redis_clock.latest(charger.alive_at + _ADMISSION_SECONDS)
            left = 0 if charger.is_open else redis_clock.earliest(charger.opened_at)
            arguments += (charger.device_id, deadline, left)
        keys = (names.directory, names.directory_version, names.live)
        return Call(scripts.ADMIT, keys, arguments)

    def _on_late(self, charger: ChargerConnection, *, was_estimated: bool) -> None:
        self.clocks.forget()
        if was_estimated:
            # Or Redis' clock was set since it was measured: once more, with its time of now.
            self.newcomers.add(charger)
        else:
            charger.prove_alive()

    def _on_answer(
        self, charger: ChargerConnection, answer: bytes, pairing: KnownPairing | None, sent: float
    ) -> None:
        match self.trust.read(answer):
            case b"unregistered":
                close_unregistered(charger)
            case b"absent":
                # While the directory is incomplete, no device is turned away as unknown.
                if charger.is_open:
                    self.context.waiting.add(charger)
                elif self.trust.in_doubt:
                    self._left_in_doubt.append(charger)
            case b"superseded":  # it has left
                charger.close_superseded()
            case epoch:
                self.context.waiting.discard(charger)
                self.on_admitted(charger, int(epoch), pairing, sent)


def close_unregistered(charger: ChargerConnection) -> None:
    """Close a connection of a charger that is not registered."""
    _log.info("charger is not registered", charger_id=charger.device_id)
    charger.close(CloseCode.NOT_REGISTERED, "this charger is not registered")
