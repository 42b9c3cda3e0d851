"""Receipts only for readings that replicas have (``CHARGELIGHT_REDIS_WAIT_REPLICAS``).

Redis answers before its replicas have anything, so a promoted replica may lack a reading that
was stored. Here receipts wait until WAIT says how many have it. One WAIT covers all that was
written over its connection before. It blocks that connection: so it is short, and lights, which
are on their way by then, do not wait for it.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from services.gateway.chargers.charger_connection import ChargerConnection
from shared.bus.bus import Bus, BusUnavailableError, Writes
from shared.contract.names import Names
from shared.process import logs
from shared.process.loss_log import LossLog

_log = logs.get(__name__)

_WAIT_SECONDS: Final = 0.1
"""How long a replica may take; so long all else on the connection waits at most."""
_PAUSE_SECONDS: Final = 0.2
"""After a WAIT in vain. Meanwhile readings are stored, and lights follow."""
_COLLECT_SECONDS: Final = 0.01
"""After any other, but no longer than `_PAUSE_SECONDS` after those to several servers: the next one
is for all that is stored meanwhile. So they are 100 a second, and a lone reading never waits."""

Hold = Callable[[ChargerConnection, int], None]
"""Takes a charger, and the sequence up to which its readings are stored."""


@dataclass(eq=False, repr=False)
class Replication:
    """The chargers whose newest stored reading is not known to be at enough replicas."""

    bus: Bus
    names: Names
    enough: int
    """How many replicas must have a reading."""
    on_lost: Callable[[ChargerConnection], None]
    """Called with each charger whose reading must be stored again."""
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._held: dict[Writes, dict[ChargerConnection, int]] = {}
        self._asked: dict[Writes, dict[ChargerConnection, int]] = {}
        self._wake = asyncio.Event()
        self._losses = LossLog(_log, "replicas lack readings", "replicas have all readings")
        self.lacking_since: float | None = None
        """Since when replicas have lacked readings."""

    @property
    def waiting(self) -> set[ChargerConnection]:
        """The chargers whose receipts wait for replicas."""
        found = (self._held, self._asked)
        return {charger for each in found for chargers in each.values() for charger in chargers}

    def begin(self, partitions: Iterable[int]) -> Hold:
        """Return what takes the readings of these partitions that are about to be stored.

        Raises:
            BusUnavailableError: No server is known.
        """
        # Taken before: in the middle of storing, the connection may be another one.
        writes = {at: self.bus.writes_to(self.names.chargers[at].live) for at in partitions}

        def hold(charger: ChargerConnection, sequence: int) -> None:
            self._held.setdefault(writes[charger.partition], {})[charger] = sequence
            self._wake.set()

        return hold

    async def acknowledge(self) -> None:
        """Give receipts for what replicas have, until cancelled."""
        while True:
            if not self._held:
                self._wake.clear()
                await self._wake.wait()
            # What is stored from now on may come behind the WAIT.
            self._asked, self._held = self._held, {}
            counts = await asyncio.gather(*map(self._count, self._asked))
            asked, self._asked = self._asked, {}
            for (writes, chargers), count in zip(asked.items(), counts, strict=True):
                if count is None:
                    for charger in chargers:
                        self.on_lost(charger)
                elif count < self.enough:
                    self._held[writes] = chargers | self._held.get(writes, {})
                else:
                    for charger, sequence in chargers.items():
                        charger.on_stored(sequence)
            self._note([count for count in counts if count is not None])
            in_vain = any(count is None or count < self.enough for count in counts)
            rest = _PAUSE_SECONDS if in_vain else _COLLECT_SECONDS * len(counts)
            await asyncio.sleep(min(rest, _PAUSE_SECONDS))

    async def _count(self, writes: Writes) -> int | None:
        """Return how many replicas have what was written; None if it may be lost."""
        try:
            return await writes.replicas(self.enough, _WAIT_SECONDS)
        except BusUnavailableError:
            return None

    def _note(self, counts: list[int]) -> None:
        fewest = min(counts, default=self.enough)
        if fewest >= self.enough:
            self.lacking_since = None
            self._losses.back(replicas=self.enough)
        elif self.lacking_since is None:
            self.lacking_since = self.clock()
            self._losses.lost(replicas=fewest, wanted=self.enough)
