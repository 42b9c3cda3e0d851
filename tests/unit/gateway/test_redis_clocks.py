"""Redis' time: an estimate that is never too late, one that is never too early; one per server."""

from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.redis_clocks import RedisClock, RedisClocks
from tests.unit.shared.fake_bus import FakeBus

REDIS_START = 1_700_000_000_000_000
SECOND = 1_000_000


def test_without_a_measurement_it_knows_nothing() -> None:
    clock = RedisClock()
    assert not clock.known
    with pytest.raises(ValueError, match="not measured"):
        clock.earliest(5.0)
    with pytest.raises(ValueError, match="not measured"):
        clock.latest(5.0)


def test_a_measurement_without_delay_is_exact() -> None:
    clock = RedisClock()
    clock.update(REDIS_START, sent=10.0, received=10.0)
    assert clock.known
    for estimate in (clock.earliest, clock.latest):
        assert estimate(10.0) == REDIS_START
        assert estimate(11.5) == REDIS_START + 1_500_000
        assert estimate(9.0) == REDIS_START - 1_000_000


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 60)), min_size=1))
def test_the_truth_lies_between_the_two_and_they_are_one_round_trip_apart_at_most(
    trips: list[tuple[float, float, float]],
) -> None:
    clock = RedisClock()
    now, longest = 100.0, 0.0
    for there, back, pause in trips:
        longest = max(longest, there + back)
        clock.update(REDIS_START + round((now + there) * 1e6), now, now + there + back)
        now += there + back + pause
        truth = REDIS_START + now * 1e6
        assert clock.earliest(now) <= truth + 2
        assert clock.latest(now) >= truth - 2
        assert clock.latest(now) - clock.earliest(now) <= longest * 1e6 + 4


def test_a_shorter_trip_is_believed_and_a_longer_one_is_not() -> None:
    clock = RedisClock()
    clock.update(REDIS_START + 400_000, sent=0.0, received=0.5)
    assert clock.latest(0.0) == REDIS_START + 400_000
    assert clock.earliest(0.0) == REDIS_START - 100_000
    clock.update(REDIS_START + 1_001_000, sent=1.0, received=1.002)
    assert clock.latest(0.0) == REDIS_START + 1_000
    assert clock.earliest(0.0) == REDIS_START - 1_000
    clock.update(REDIS_START + 2_400_000, sent=2.0, received=2.5)
    assert clock.latest(0.0) == REDIS_START + 1_000


def test_clocks_that_drift_apart_are_followed_in_time() -> None:
    clock = RedisClock()
    clock.update(REDIS_START, sent=0.0, received=0.001)
    for second in range(1, 1000):
        # Redis' clock jumped by a minute; every later trip takes a little longer.
        redis_time = REDIS_START + 60_000_000 + second * 1_000_000
        clock.update(redis_time, sent=float(second), received=second + 0.002)
    assert clock.latest(1000.0) == REDIS_START + 60_000_000 + 1000 * 1_000_000


def test_after_forgetting_any_measurement_is_believed() -> None:
    clock = RedisClock()
    clock.update(REDIS_START, sent=0.0, received=0.001)
    clock.forget()
    assert not clock.known
    with pytest.raises(ValueError, match="not measured"):
        clock.latest(0.0)
    clock.update(5_000_000, sent=0.0, received=0.9)
    assert clock.latest(0.0) == 5_000_000
    assert clock.earliest(0.0) == 4_100_000


class TwoServers(FakeBus):
    """Keys that begin with an a lie on one, the others on another one that is an hour ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Sequence[str]] = []
        self.moved = False

    def server_of(self, key: str) -> Hashable:
        return "a" if key.startswith("a") and not self.moved else "b"

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        self.asked.append(list(keys))
        return [1000 * SECOND if self.server_of(k) == "a" else 4600 * SECOND for k in keys]


async def test_each_key_is_told_the_time_of_its_server() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    _, b1, a2 = await clocks.of(["a1", "b1", "a2"])
    assert a2.earliest(51.0) == 1001 * SECOND
    assert b1.earliest(51.0) == 4601 * SECOND
    assert len(bus.asked) == 1
    assert len(bus.asked[0]) == 2, "each server is asked once"
    assert (await clocks.of(["a1", "b1", "a2"]))[1:] == [b1, a2]
    assert len(bus.asked) == 1, "what is known is not asked for"


async def test_a_key_that_moved_has_the_time_of_where_it_is() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    await clocks.of(["a1"])
    bus.moved = True
    (clock,) = await clocks.of(["a1"])
    assert clock.latest(50.0) == 4600 * SECOND


async def test_what_is_forgotten_is_measured_anew() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    await clocks.of(["a1"])
    clocks.forget()
    await clocks.of(["a1"])
    assert len(bus.asked) == 2


def test_a_clock_that_was_set_is_believed_at_once_and_was_not_steady() -> None:
    clock = RedisClock()
    assert clock.steady_for(0.0) > 1e9
    clock.update(REDIS_START, sent=0.0, received=0.001)
    clock.update(REDIS_START + 10 * SECOND, sent=10.0, received=10.5)
    assert clock.steady_for(11.0) > 1e9
    clock.update(REDIS_START - 3600 * SECOND, sent=11.0, received=11.5)
    assert clock.latest(11.0) == REDIS_START - 3600 * SECOND
    assert clock.steady_for(12.0) == 0.5


def test_another_server_behind_the_same_address_is_a_clock_that_was_set() -> None:
    clock = RedisClock()
    clock.update(REDIS_START, sent=0.0, received=0.001)
    clock.forget()
    clock.update(REDIS_START + 31 * SECOND, sent=1.0, received=1.001)
    assert clock.steady_for(2.0) < 1
    clock.forget()
    clock.update(REDIS_START + 32 * SECOND, sent=2.0, received=2.001)
    assert clock.steady_for(3.0) > 1.9


async def test_how_long_a_clock_was_steady_is_known_by_key() -> None:
    clocks = RedisClocks(TwoServers(), lambda: 50.0)
    assert not clocks.is_known("a1")
    assert clocks.steady_for("a1", 50.0) > 1e9
    await clocks.of(["a1"])
    assert clocks.is_known("a1")
    assert not clocks.is_known("b1")
    clocks.update("a1", 5 * SECOND, 51.0, 51.0)
    assert clocks.steady_for("a1", 53.0) == 2
    clocks.forget()
    assert not clocks.is_known("a1")
