"""What time Redis has, as far as a gateway can tell without asking."""

from typing import Final

_MICROSECONDS: Final = 1_000_000


class RedisClock:
    """Redis' time estimated from our monotonic clock.

    Times in Redis' own clock let a script refuse a request that lay too long in a
    buffer, and know when a reading was received, however long it waited here. By
    the wall clock, one machine's wrong time would get all of that wrong.
    """

    __slots__ = ("_earliest", "_latest", "_round_trip")

    def __init__(self) -> None:
        self._earliest: int | None = None
        self._latest = 0
        self._round_trip = 0.0

    @property
    def known(self) -> bool:
        """Whether there was a measurement since the last `forget`."""
        return self._earliest is not None

    def forget(self) -> None:
        """Measure anew: behind the same address may be another server now, or another time."""
        self._earliest = None

    def measured(self, redis_time: int, sent: float, received: float) -> None:
        """Take a measurement.

        Args:
            redis_time: Redis' answer, in µs since 1970.
            sent: Our monotonic time at the request, in seconds.
            received: The same at the answer.
        """
        round_trip = received - sent
        # The shorter the trip the better the measurement; a little forgetfulness
        # follows clocks that drift apart.
        self._round_trip *= 1.01
        if self._earliest is None or round_trip <= self._round_trip:
            self._round_trip = round_trip
            self._earliest = redis_time - round(received * _MICROSECONDS)
            self._latest = redis_time - round(sent * _MICROSECONDS)

    def earliest(self, moment: float) -> int:
        """Return Redis' time at a moment of our monotonic clock, in µs; never too late.

        Raises:
            ValueError: There is no measurement yet.
        """
        if self._earliest is None:
            raise ValueError("Redis' clock was not measured yet")
        return self._earliest + round(moment * _MICROSECONDS)

    def latest(self, moment: float) -> int:
        """The same, never too early."""
        if self._earliest is None:
            raise ValueError("Redis' clock was not measured yet")
        return self._latest + round(moment * _MICROSECONDS)
