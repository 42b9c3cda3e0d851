"""Who works on which partition, agreed on through short leases in Redis.

Leases only save work. That a widget shows the right light never rests on them:
the fence in ``scripts/light.lua`` holds with any number of routers on a partition.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from services.router import metrics, scripts
from services.router.partitions import share_out
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import ROUTERS, Names
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_LEASE_SECONDS: Final = 2.0
_RENEW_SECONDS: Final = 0.5


class Leases:
    """The partitions of this router.

    Args:
        bus: A connection of its own, so that no batch delays a renewal.
        names: Names in Redis.
        instance_id: Under which this router is known to the others.
        on_taken: Called with partitions that are ours from now on.
        on_lost: Called with partitions that are not ours any more.
        rng: Jitter of the retries.
    """

    def __init__(
        self,
        bus: Bus,
        names: Names,
        instance_id: str,
        *,
        on_taken: Callable[[set[int]], None],
        on_lost: Callable[[set[int]], None],
        rng: random.Random,
    ) -> None:
        self._bus = bus
        self._names = names
        self._instance_id = instance_id
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._backoff = Backoff(0.05, 0.5, rng)
        self._rng = rng
        self._owned: set[int] = set()
        self.joined = False

    async def keep(self) -> None:
        """Take, renew and give back leases, until cancelled."""
        while True:
            try:
                await self._round()
            except BusUnavailableError:
                # What is owned stays owned in our eyes: that is harmless.
                self.joined = False
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()
                await asyncio.sleep(_RENEW_SECONDS * self._rng.uniform(0.8, 1.0))

    async def leave(self) -> None:
        """Give everything back, so that others take over at once."""
        try:
            await self._bus.run([self._release(partition) for partition in self._owned])
            await self._bus.command("ZREM", ROUTERS, self._instance_id)
        except BusUnavailableError:
            pass  # the leases run out by themselves
        self._owned.clear()

    async def _round(self) -> None:
        ttl = round(_LEASE_SECONDS * 1_000_000)
        (members,) = await self._bus.run([Call(scripts.JOIN, (ROUTERS,), [self._instance_id, ttl])])
        owners = share_out(self._names.partitions, [name.decode() for name in members])
        ours = {p for p, router in owners.items() if router == self._instance_id}
        surplus = self._owned - ours
        calls = [self._release(partition) for partition in surplus]
        calls += [self._lease(partition) for partition in ours]
        replies = await self._bus.run(calls)
        held = {
            partition
            for partition, owner in zip(ours, replies[len(surplus) :], strict=True)
            if owner.decode() == self._instance_id
        }
        self._changed(held)
        self.joined = True

    def _changed(self, held: set[int]) -> None:
        taken, lost = held - self._owned, self._owned - held
        self._owned = held
        metrics.PARTITIONS.set(len(held))
        if lost:
            self._on_lost(lost)
        if taken:
            self._on_taken(taken)
        if taken or lost:
            _log.info("partitions changed", owned=len(held), taken=len(taken), lost=len(lost))

    def _lease(self, partition: int) -> Call:
        key = self._names.chargers[partition].lease
        return Call(scripts.LEASE, (key,), [self._instance_id, round(_LEASE_SECONDS * 1000)])

    def _release(self, partition: int) -> Call:
        return Call(scripts.RELEASE, (self._names.chargers[partition].lease,), [self._instance_id])
