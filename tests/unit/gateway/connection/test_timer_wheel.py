"""The wheel calls each object at its time, once."""

import asyncio

import pytest

from services.gateway.connection import timer_wheel
from services.gateway.connection.timer_wheel import TICK_SECONDS, TimerWheel
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.running import running


class Alarm:
    """Notes when it was called, and comes again as often as it is told to."""

    def __init__(self, *again_at: float) -> None:
        self.due = 0
        self.calls: list[float] = []
        self._again_at = list(again_at)

    def on_timer(self, now: float) -> float | None:
        self.calls.append(now)
        return self._again_at.pop(0) if self._again_at else None


class Bell:
    """Rings once."""

    def __init__(self, called: asyncio.Event) -> None:
        self.due = 0
        self._called = called

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - whenever that is
        self._called.set()


@pytest.fixture
def wheel(clock: Clock) -> TimerWheel:
    return TimerWheel(clock)


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


def advance_to(wheel: TimerWheel, clock: Clock, now: float) -> None:
    """Let time go by as it does: many looks at the clock, at odd moments."""
    while clock.now < now:
        clock.now = min(clock.now + 0.3, now)
        wheel.advance()


@pytest.mark.parametrize("after", [0.01, 0.49, 0.5, 0.51, 1.0, 7.3, 25.0])
def test_it_is_called_never_early_and_at_most_one_tick_late(
    wheel: TimerWheel, clock: Clock, alarm: Alarm, after: float
) -> None:
    wheel.schedule(alarm, clock.now + after)
    at = clock.now + after
    advance_to(wheel, clock, at - 0.001)
    assert alarm.calls == []
    clock.now = at + TICK_SECONDS
    wheel.advance()
    assert alarm.calls == [clock.now]


@pytest.mark.parametrize("ago", [0.0, 0.1, 1000.0])
def test_a_time_that_has_passed_is_called_in_the_next_tick(
    wheel: TimerWheel, clock: Clock, alarm: Alarm, ago: float
) -> None:
    wheel.schedule(alarm, clock.now - ago)
    clock.now += TICK_SECONDS
    wheel.advance()
    assert len(alarm.calls) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_called_once_for_the_same_time(
    wheel: TimerWheel, clock: Clock, alarm: Alarm, times: int
) -> None:
    for _ in range(times):
        wheel.schedule(alarm, clock.now + 1)
    advance_to(wheel, clock, clock.now + 60)
    assert len(alarm.calls) == 1


def test_it_is_called_again_when_it_asks_to_be(wheel: TimerWheel, clock: Clock) -> None:
    start = clock.now
    alarm = Alarm(start + 2, start + 3)
    wheel.schedule(alarm, start + 1)
    advance_to(wheel, clock, start + 60)
    assert [round(call - start) for call in alarm.calls] == [1, 2, 3]


def test_a_new_time_voids_the_one_before(wheel: TimerWheel, clock: Clock) -> None:
    start = clock.now
    later, sooner = Alarm(), Alarm()
    wheel.schedule(later, start + 1)
    wheel.schedule(later, start + 10)
    wheel.schedule(sooner, start + 10)
    wheel.schedule(sooner, start + 1)
    advance_to(wheel, clock, start + 9)
    assert (len(later.calls), len(sooner.calls)) == (0, 1)
    advance_to(wheel, clock, start + 60)
    assert (len(later.calls), len(sooner.calls)) == (1, 1)


def test_what_is_cancelled_is_not_called_and_not_kept(
    wheel: TimerWheel, clock: Clock, alarm: Alarm
) -> None:
    wheel.schedule(alarm, clock.now + 1)
    wheel.cancel(alarm)
    assert not any(wheel._slots.values())
    advance_to(wheel, clock, clock.now + 60)
    assert alarm.calls == []
    wheel.cancel(alarm)  # may be repeated


def test_a_new_time_leaves_nothing_at_the_one_before(
    wheel: TimerWheel, clock: Clock, alarm: Alarm
) -> None:
    for after in (1, 10, 5):
        wheel.schedule(alarm, clock.now + after)
    assert [len(slot) for slot in wheel._slots.values() if slot] == [1]


async def test_others_have_a_turn_while_thousands_are_due() -> None:
    """And what ends in such a turn is not called any more."""
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop.time, 0.01)
    alarms, bells = [Alarm() for _ in range(1000)], [asyncio.Event(), asyncio.Event()]
    at = loop.time()
    wheel.schedule(Bell(bells[0]), at)
    for alarm in alarms:
        wheel.schedule(alarm, at)
    wheel.schedule(Bell(bells[1]), at)
    async with running(wheel.run()), asyncio.timeout(30):
        await asyncio.wait(
            [asyncio.create_task(bell.wait()) for bell in bells], return_when="FIRST_COMPLETED"
        )
        left = [alarm for alarm in alarms if not alarm.calls]
        wheel.cancel(left[0])
        await asyncio.gather(*(bell.wait() for bell in bells))
    assert all(len(alarm.calls) == 1 for alarm in left[1:])
    assert left[0].calls == []


def test_a_process_that_was_held_up_misses_nobody(wheel: TimerWheel, clock: Clock) -> None:
    alarms = [Alarm() for _ in range(20)]
    for number, alarm in enumerate(alarms):
        wheel.schedule(alarm, clock.now + number)
    clock.now += 3600
    wheel.advance()
    assert [len(alarm.calls) for alarm in alarms] == [1] * 20


def test_one_that_falls_due_again_while_held_up_is_not_called_for_the_past(
    wheel: TimerWheel, clock: Clock
) -> None:
    start = clock.now
    alarm = Alarm(start + 3610)
    wheel.schedule(alarm, start + 1)
    clock.now += 3600
    wheel.advance()
    assert alarm.calls == [start + 3600]
    advance_to(wheel, clock, start + 3611)
    assert len(alarm.calls) == 2


def test_one_may_schedule_others_while_it_is_called(wheel: TimerWheel, clock: Clock) -> None:
    second = Alarm()

    class First(Alarm):
        def on_timer(self, now: float) -> None:
            wheel.schedule(second, now)

    wheel.schedule(First(), clock.now + 1)
    advance_to(wheel, clock, clock.now + 3)
    assert len(second.calls) == 1


def test_nothing_is_kept_of_what_is_done(wheel: TimerWheel, clock: Clock) -> None:
    for number in range(100):
        wheel.schedule(Alarm(), clock.now + number)
    advance_to(wheel, clock, clock.now + 101)
    assert not wheel._slots


async def test_it_runs_until_cancelled(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer_wheel, "TICK_SECONDS", 0.001)
    called = asyncio.Event()

    fast = TimerWheel(clock)
    fast.schedule(Bell(called), clock.now)
    clock.now += 1
    async with running(fast.run()) as task, asyncio.timeout(30):
        await called.wait()
        assert not task.done()


def test_its_ticks_may_be_finer(clock: Clock, alarm: Alarm) -> None:
    wheel = TimerWheel(clock, 0.05)
    wheel.schedule(alarm, clock.now + 0.12)
    clock.now += 0.119
    wheel.advance()
    assert alarm.calls == []
    clock.now += 0.052
    wheel.advance()
    assert alarm.calls == [clock.now]


async def test_it_rests_while_nothing_is_scheduled_and_goes_on_when_something_is() -> None:
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop.time, 0.01)
    async with running(wheel.run()), asyncio.timeout(30):
        for _ in range(3):
            called = asyncio.Event()
            wheel.schedule(Bell(called), loop.time() + 0.02)
            await called.wait()
            await asyncio.sleep(0)
            assert not wheel._is_needed.is_set()


def test_a_long_rest_is_not_made_up_for_tick_by_tick(clock: Clock, alarm: Alarm) -> None:
    wheel = TimerWheel(clock, 0.01)
    clock.now += 1e9  # a hundred billion ticks, in which nobody advances it
    wheel.schedule(alarm, clock.now + 0.02)
    clock.now += 0.05
    wheel.advance()
    assert len(alarm.calls) == 1
    clock.now += 1e9
    wheel.advance()
    wheel.schedule(alarm, clock.now + 0.02)
    clock.now += 0.05
    wheel.advance()
    assert len(alarm.calls) == 2


def test_it_tells_a_moment_some_ticks_ago(wheel: TimerWheel, clock: Clock) -> None:
    begin = clock.now
    assert wheel.earlier_tick == begin
    for _ in range(3):
        clock.now += TICK_SECONDS
        wheel.advance()
        assert wheel.earlier_tick == begin
    clock.now += 60  # the process stood still: what it reads next may have come in that time
    for _ in range(3):
        wheel.advance()
        assert wheel.earlier_tick < begin + 60
