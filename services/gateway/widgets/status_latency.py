"""How long readings took to their widgets: across gateways, so in Redis' time.

A reading's gateway estimates what Redis' clock said when it was accepted, and the widget's gateway
what it says now. Neither asks Redis for it, and their own clocks do not matter.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from services.gateway import metrics
from services.gateway.redis_clocks import RedisClock, RedisClocks
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.names import Names
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_MEASURE_SECONDS: Final = 2.0
_MICROSECONDS: Final = 1_000_000


@dataclass(eq=False, repr=False)
class StatusLatency:
    """Measures statuses as they are written, and Redis' clocks for that."""

    bus: Bus
    names: Names
    clocks: RedisClocks
    """Its own: it goes on with an old measurement where others must not."""
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._keys = [names.statuses for names in self.names.widgets]
        self._clock_of: list[RedisClock] = []
        self._now = asyncio.Event()
        self.bus.on_reconnected(self._now.set)

    def note(self, partition: int, received_at: int) -> None:
        """Note that a status was written just now.

        Args:
            partition: Of the widget.
            received_at: When its reading was accepted, in µs of Redis' time.
        """
        if not self._clock_of:
            return
        now = self._clock_of[partition].estimate(self.clocks.clock())
        metrics.READING_TO_STATUS.observe(max(now - received_at, 0) / _MICROSECONDS)

    async def keep(self) -> None:
        """Measure the clocks again and again, until cancelled.

        The statuses that a loss of Redis made late come right after it, before there is a new
        measurement: they are compared with the former one.
        """
        while True:
            self._now.clear()
            try:
                self._clock_of = await self.clocks.measure(self._keys)
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()
                await wait_for_event(self._now, _MEASURE_SECONDS)
