"""Which router works on which partition: short leases in Redis.

Leases only save work. No light depends on them: the fence in ``scripts/light.lua`` holds with
any number of routers on a partition.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(eq=False, repr=False)
class Leases:
    """The partitions that this router owns."""

    bus: Bus
    """A connection of its own, so that no batch delays a renewal."""
    names: Names
    instance_id: str
    on_taken: Callable[[set[int]], None]
    """Called with partitions that this router now owns."""
    on_lost: Callable[[set[int]], None]
    """Called with partitions that it no longer owns."""
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._owned: set[int] = set()
        self.joined = False

    @property
    def owned(self) -> int:
        """How many partitions this router works on."""
        return len(self._owned)

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
                await asyncio.sleep(_RENEW_SECONDS * self.rng.uniform(0.8, 1.0))

    async def leave(self) -> None:
        """Release all leases, so that other routers take over at once."""
        try:
            await self.bus.run([self._release_call(partition) for partition in self._owned])
            await self.bus.command("ZREM", ROUTERS, self.instance_id)
        except BusUnavailableError:
            pass  # the leases expire
        self._owned.clear()

    async def _renew(self) -> None:
        ttl = round(_LEASE_SECONDS * 1_000_000)
        (members,) = await self.bus.run([Call(scripts.JOIN, (ROUTERS,), [self.instance_id, ttl])])
        owners = share_out(
            self.names.partitions, [name.decode(errors="replace") for name in members]
        )
        ours = {p for p, router in owners.items() if router == self.instance_id}
        surplus = self._owned - ours
        calls = [self._release_call(partition) for partition in surplus]
        calls += [self._lease_call(partition) for partition in ours]
        replies = await self.bus.run(calls)
        owned = {
            partition
            for partition, owner in zip(ours, replies[len(surplus) :], strict=True)
            if owner == self.instance_id.encode()
        }
        metrics.LEASE_LOSSES.inc(len(self._owned & ours - owned))
        self._set_owned(owned)
        self.joined = True

    def _set_owned(self, owned: set[int]) -> None:
        taken, lost = owned - self._owned, self._owned - owned
        self._owned = owned
        metrics.OWNED.set(len(owned))
        if lost:
            self.on_lost(lost)
        if taken:
            self.on_taken(taken)
        if taken or lost:
            _log.info("partitions changed", owned=len(owned), taken=len(taken), lost=len(lost))

    def _lease_call(self, partition: int) -> Call:
        key = self.names.chargers[partition].lease
        return Call(scripts.LEASE, (key,), [self.instance_id, round(_LEASE_SECONDS * 1000)])

    def _release_call(self, partition: int) -> Call:
        return Call(scripts.RELEASE, (self.names.chargers[partition].lease,), [self.instance_id])
