"""The bucket: what may be sent at once, what may be sent for long, and what is over that."""

import pytest

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.handshake import Handshake
from services.gateway.connection.rate_limited_reader import RateLimitedReader
from tests.unit.gateway.fake_device import Clock, RecordingTransport, context_of

NOW = 5000.0


class Bucket:
    """What a reader says of bytes alone, without the price of frames."""

    def __init__(self, context: ConnectionContext) -> None:
        # Without an endpoint: it never begins.
        handshake = Handshake(context, None)  # type: ignore[arg-type]
        self._reader = RateLimitedReader(context, RecordingTransport(handshake))
        self.over_since: float | None = None

    def spend(self, size: int, now: float) -> float:
        """Return how long must be waited."""
        too_fast_for = self._reader.spend(size, 0, now)
        self.over_since = self._reader._over_since
        wait = max(0.0, self._reader.paused_until - now)
        assert too_fast_for == (now - self.over_since if wait and self.over_since else 0)
        return wait


@pytest.fixture
def bucket(clock: Clock) -> Bucket:
    # A burst is at least 1024 in a gateway's settings.
    context = context_of(clock)
    context.allowance = context.allowance.of(bytes_per_second=100, burst_bytes=1000)
    return Bucket(context)


def test_a_burst_may_be_sent_at_once(bucket: Bucket) -> None:
    assert bucket.spend(1000, NOW) == 0
    assert bucket.over_since is None


def test_what_is_overdrawn_is_waited_for(bucket: Bucket) -> None:
    assert bucket.spend(1050, NOW) == pytest.approx(0.5)
    assert bucket.over_since == NOW


def test_it_fills_up_with_time_and_never_beyond_a_burst(bucket: Bucket) -> None:
    bucket.spend(1000, NOW)
    assert bucket.spend(200, NOW + 2) == 0
    assert bucket.spend(1000, NOW + 1000) == 0
    assert bucket.spend(1, NOW + 1000) == pytest.approx(0.01)


def test_the_allowed_rate_may_be_sent_for_ever(bucket: Bucket) -> None:
    waits = [bucket.spend(10, NOW + 0.1 * i) for i in range(100_000)]
    assert max(waits) == 0


def test_a_little_more_than_the_rate_is_too_much_in_the_end(bucket: Bucket) -> None:
    waits = [bucket.spend(11, NOW + 0.1 * i) for i in range(1000)]
    assert waits[900] == 0
    assert waits[-1] > 0


def test_waiting_as_told_keeps_the_rate(bucket: Bucket) -> None:
    now, sent = NOW, 0
    while now < NOW + 100:
        sent += 130
        now += bucket.spend(130, now)
    assert sent == pytest.approx(1000 + 100 * 100, rel=0.02)


def test_who_goes_on_at_once_is_over_the_limit_since_the_beginning(bucket: Bucket) -> None:
    now = NOW
    for _ in range(100):
        now += bucket.spend(1050, now)
    assert bucket.over_since == NOW


def test_half_a_bucket_of_rest_makes_good(bucket: Bucket) -> None:
    bucket.spend(1100, NOW)
    bucket.spend(1, NOW + 5.9)
    assert bucket.over_since == NOW
    bucket.spend(1, NOW + 6.1)
    assert bucket.over_since is None
    bucket.spend(1100, NOW + 7)
    assert bucket.over_since == NOW + 7
