"""What time it is on Redis' servers, as far as a gateway can tell without asking."""

import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.bus.bus import Bus

_MICROSECONDS: Final = 1_000_000
_STEP: Final = 1_000_000
"""A clock that is off by more µs than this was set, or is another server's."""


@dataclass(eq=False, repr=False)
class RedisClock:
    """One server's time, estimated from our monotonic clock.

    Times in Redis' own clock let a script refuse a request that lay too long in a
    buffer. By the wall clock, one machine's wrong time would get that wrong.
    """

    _earliest: int | None = None
    _latest: int = 0
    _round_trip: float = 0.0
    _forgotten: bool = False
    _steady_since: float = -math.inf

    @property
    def known(self) -> bool:
        """Whether there was a measurement since the last `forget`."""
        return self._earliest is not None and not self._forgotten

    def forget(self) -> None:
        """Forget all measurements: the address may lead to another server, or its time changed."""
        self._forgotten = True

    def steady_for(self, now: float) -> float:
        """Return for how many seconds the clock was not seen to be set.

        What it said before is no measure of how long ago something was.
        """
        return now - self._steady_since

    def update(self, redis_time: int, sent: float, received: float) -> None:
        """Take a measurement.

        Args:
            redis_time: Redis' answer, in µs since 1970.
            sent: Our monotonic time at the request, in seconds.
            received: The same at the answer.
        """
        round_trip = received - sent
        earliest = redis_time - round(received * _MICROSECONDS)
        latest = redis_time - round(sent * _MICROSECONDS)
        was_set = self._earliest is not None and not (
            self._earliest - _STEP <= latest and earliest <= self._latest + _STEP
        )
        if was_set:
            self._steady_since = received
        # The shorter the trip the better the measurement; as it ages, a
        # slightly longer one replaces it, to follow clocks that drift apart.
        self._round_trip *= 1.01
        if was_set or not self.known or round_trip <= self._round_trip:
            self._round_trip = round_trip
            self._earliest, self._latest = earliest, latest
            self._forgotten = False

    def earliest(self, moment: float) -> int:
        """Return Redis' time at a moment of our monotonic clock, in µs; never too late.

        Raises:
            ValueError: There is no measurement yet.
        """
        if self._earliest is None or self._forgotten:
            raise ValueError("Redis' clock was not measured yet")
        return self._earliest + round(moment * _MICROSECONDS)

    def latest(self, moment: float) -> int:
        """The same, never too early."""
        if not self.known:
            raise ValueError("Redis' clock was not measured yet")
        return self._latest + round(moment * _MICROSECONDS)

    def estimate(self, moment: float) -> int:
        """The same, most probably: off by half a round trip at most."""
        return (self.earliest(moment) + self.latest(moment)) // 2


@dataclass(eq=False, repr=False)
class RedisClocks:
    """The clocks of all servers: a script compares times with the clock of its own server."""

    bus: Bus
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._clocks: dict[Hashable, RedisClock] = {}

    def forget(self) -> None:
        """Forget all measurements."""
        for clock in self._clocks.values():
            clock.forget()

    def is_known(self, key: str) -> bool:
        """Whether the clock of a key's server was measured since the last `forget`."""
        clock = self._clocks.get(self.bus.server_of(key))
        return clock is not None and clock.known

    def steady_for(self, key: str, now: float) -> float:
        """Return for how long the clock of a key's server was not seen to be set, in seconds."""
        clock = self._clocks.get(self.bus.server_of(key))
        return math.inf if clock is None else clock.steady_for(now)

    def update(self, key: str, redis_time: int, sent: float, received: float) -> None:
        """Take a measurement of the server that has a key, as `RedisClock.update` does."""
        server = self.bus.server_of(key)
        self._clocks.setdefault(server, RedisClock()).update(redis_time, sent, received)

    def estimate(self, key: str, moment: float) -> int | None:
        """Return the time of a key's server at a moment; None: it is not known."""
        clock = self._clocks.get(self.bus.server_of(key))
        return clock.estimate(moment) if clock is not None and clock.known else None

    async def measure(self, keys: Sequence[str]) -> list[RedisClock]:
        """Measure the clock of each key's server, and return it.

        Raises:
            BusUnavailableError: A server is away.
        """
        sent = self.clock()
        times = await self.bus.times_of(keys)
        received = self.clock()
        servers = [self.bus.server_of(key) for key in keys]
        for server, now in dict(zip(servers, times, strict=True)).items():
            clock = self._clocks.setdefault(server, RedisClock())
            clock.update(now, sent, received)
        return [self._clocks[server] for server in servers]

    async def of(self, keys: Sequence[str]) -> list[RedisClock]:
        """Return the clock of each key's server; measure those that are not known.

        Raises:
            BusUnavailableError: A server is away.
        """
        while True:
            clocks: list[RedisClock] = []
            unknown: dict[Hashable, str] = {}
            for key in keys:
                server = self.bus.server_of(key)
                clock = self._clocks.get(server)
                if clock is None or not clock.known:
                    unknown[server] = key
                else:
                    clocks.append(clock)
            if not unknown:
                return clocks
            # Then look again: servers may have become known, or slots moved, meanwhile.
            await self.measure(list(unknown.values()))
