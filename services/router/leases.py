"""Which router works on which partition: short leases in Redis.

Leases only save work. No light depends on them: the fence in ``scripts/light.lua`` holds with
any number of routers on a partition.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from services.router import metrics, scripts
from services.router.partitions import share_out
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import ROUTERS, Names
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_LEASE_SECONDS: Final = 2.0
_RENEW_SECONDS: Final = 0.5


class Leases:
    """The partitions that this router owns.

    Args:
        bus: A connection of its own, so that no batch delays a renewal.
        names: Names in Redis.
        instance_id: This router.
        on_taken: Called with partitions that this router now owns.
        on_lost: Called with partitions that it no longer owns.
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
        """Take, renew and release leases, until cancelled."""
        while True:
            try:
                await self._renew()
            except BusUnavailableError:
                # What it owned it goes on owning: that is harmless.
                self.joined = False
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()
                await asyncio.sleep(_RENEW_SECONDS * self._rng.uniform(0.8, 1.0))

    async def leave(self) -> None:
        """Release all leases, so that other routers take over at once."""
        try:
            await self._bus.run([self._release_call(partition) for partition in self._owned])
            await self._bus.command("ZREM", ROUTERS, self._instance_id)
        except BusUnavailableError:
            pass  # the leases expire
        self._owned.clear()

    async def _renew(self) -> None:
        ttl = round(_LEASE_SECONDS * 1_000_000)
        (members,) = await self._bus.run([Call(scripts.JOIN, (ROUTERS,), [self._instance_id, ttl])])
        owners = share_out(self._names.partitions, [name.decode() for name in members])
        ours = {p for p, router in owners.items() if router == self._instance_id}
        surplus = self._owned - ours
        calls = [self._release_call(partition) for partition in surplus]
        calls += [self._lease_call(partition) for partition in ours]
        replies = await self._bus.run(calls)
        self._set_owned(
            {
                partition
                for partition, owner in zip(ours, replies[len(surplus) :], strict=True)
                if owner.decode() == self._instance_id
            }
        )
        self.joined = True

    def _set_owned(self, owned: set[int]) -> None:
        taken, lost = owned - self._owned, self._owned - owned
        self._owned = owned
        metrics.PARTITIONS.set(len(owned))
        if lost:
            self._on_lost(lost)
        if taken:
            self._on_taken(taken)
        if taken or lost:
            _log.info("partitions changed", owned=len(owned), taken=len(taken), lost=len(lost))

    def _lease_call(self, partition: int) -> Call:
        key = self._names.chargers[partition].lease
        return Call(scripts.LEASE, (key,), [self._instance_id, round(_LEASE_SECONDS * 1000)])

    def _release_call(self, partition: int) -> Call:
        return Call(scripts.RELEASE, (self._names.chargers[partition].lease,), [self._instance_id])
