"""From a reading's acceptance to its status, in Redis' time."""

import random
from collections.abc import Sequence

import pytest

from services.gateway import metrics
from services.gateway.redis_clocks import RedisClocks
from services.gateway.widgets.status_latency import StatusLatency
from shared.bus.script import Argument
from shared.contract.names import Names
from tests.fixtures.observations import observing
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.running import let_work

REDIS_NOW = 1_700_000_000 * 1_000_000


class TimeBus(FakeBus):
    """A Redis whose clock goes on as that of the test does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.began_at = clock.now

    @property
    def now(self) -> int:
        return REDIS_NOW + round((self.clock.now - self.began_at) * 1_000_000)

    def answer_command(self, words: Sequence[Argument]) -> list[bytes]:
        assert tuple(words) == ("TIME",)
        return [b"%d" % (self.now // 1_000_000), b"%d" % (self.now % 1_000_000)]


@pytest.fixture
def bus(clock: Clock) -> TimeBus:
    return TimeBus(clock)


def latency_of(bus: TimeBus) -> StatusLatency:
    return StatusLatency(bus, Names(4), RedisClocks(bus, bus.clock), random.Random(1))


async def test_a_status_took_as_long_as_redis_clock_says(bus: TimeBus, clock: Clock) -> None:
    latency = latency_of(bus)
    await let_work(latency.keep())
    accepted = bus.now
    clock.now += 0.75
    with observing(metrics.READING_TO_STATUS) as taken:
        latency.note(3, accepted)
    assert (taken.count, taken.total) == (1, 0.75)


async def test_a_time_that_seems_to_be_ahead_counts_as_now(bus: TimeBus) -> None:
    latency = latency_of(bus)
    await let_work(latency.keep())
    with observing(metrics.READING_TO_STATUS) as taken:
        latency.note(0, bus.now + 1000)
    assert (taken.count, taken.total) == (1, 0.0)


async def test_before_the_first_measurement_nothing_is_noted(bus: TimeBus) -> None:
    with observing(metrics.READING_TO_STATUS) as taken:
        latency_of(bus).note(0, bus.now)
    assert taken.count == 0


async def test_what_a_loss_made_late_is_measured_right_after_it(bus: TimeBus, clock: Clock) -> None:
    latency = latency_of(bus)
    await let_work(latency.keep())
    accepted = bus.now
    bus.away = True
    clock.now += 5
    await let_work(latency.keep())
    bus.away = False
    for on_reconnected in bus.reconnected:
        on_reconnected()
    with observing(metrics.READING_TO_STATUS) as taken:
        latency.note(0, accepted)
    assert (taken.count, taken.total) == (1, 5.0)
