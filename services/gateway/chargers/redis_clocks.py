"""The clocks of all servers that Redis consists of: one, or those of a cluster."""

import time
from collections.abc import Callable, Collection, Hashable

from services.gateway.chargers.redis_clock import RedisClock
from shared.bus.bus import Bus


class RedisClocks:
    """What time it is where a key lies.

    Servers' clocks differ. A script judges by that of its server, so what is asked of it
    must be told in the same clock.

    Args:
        bus: To ask over.
        clock: Monotonic time in seconds.
    """

    __slots__ = ("_bus", "_clock", "_clocks")

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._clocks: dict[Hashable, RedisClock] = {}

    def of(self, key: str) -> RedisClock:
        """Return the clock of the server that a key lies on."""
        server = self._bus.server_of(key)
        clock = self._clocks.get(server)
        if clock is None:
            clock = self._clocks[server] = RedisClock()
        return clock

    def forget(self) -> None:
        """Measure all anew."""
        self._clocks.clear()

    async def measure(self, keys: Collection[str]) -> None:
        """Measure the clocks of these keys that are not known.

        Raises:
            BusUnavailableError: A server is away.
        """
        unknown = {self._bus.server_of(key): key for key in keys if not self.of(key).known}
        while unknown:
            sent = self._clock()
            times = await self._bus.times_of(list(unknown.values()))
            received = self._clock()
            for key, now in zip(unknown.values(), times, strict=True):
                self.of(key).measured(now, sent, received)
            # Where servers were not known before, or slots have moved meanwhile.
            unknown = {self._bus.server_of(key): key for key in keys if not self.of(key).known}
