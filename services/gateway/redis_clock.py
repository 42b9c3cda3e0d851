"""What time Redis has, as far as a gateway can tell without asking."""

from typing import Final

_MICROSECONDS: Final = 1_000_000


class RedisClock:
    """Redis' time estimated from our monotonic clock.

    A deadline in Redis' own time lets a script refuse a request that lay too
    long in a buffer. Set by the wall clock, one machine's wrong time would
    refuse all of its requests, or none.
    """

    __slots__ = ("_offset", "_round_trip")

    def __init__(self) -> None:
        self._offset: int | None = None
        self._round_trip = 0.0

    @property
    def known(self) -> bool:
        """Whether there was a measurement since the last `forget`."""
        return self._offset is not None

    def forget(self) -> None:
        """Measure anew: behind the same address may be another server now."""
        self._offset = None

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
        if self._offset is None or round_trip <= self._round_trip:
            self._round_trip = round_trip
            self._offset = redis_time - round(sent * _MICROSECONDS)

    def at(self, moment: float) -> int:
        """Return Redis' time at a moment of our monotonic clock, in µs; not too early.

        Raises:
            ValueError: There is no measurement yet.
        """
        if self._offset is None:
            raise ValueError("Redis' clock was not measured yet")
        return self._offset + round(moment * _MICROSECONDS)
