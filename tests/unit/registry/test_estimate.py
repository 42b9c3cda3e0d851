"""When a phone will be ready, from its readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.estimate.charging_curve import FAMILY, FULL, TAPERS, USUAL, Curve
from services.registry.estimate.estimate import Estimate, Range, estimate
from services.registry.estimate.progress import STALE_MINUTES, Point, WhyNot
from tests.benchmarks.estimate import naive
from tests.benchmarks.estimate.benchmark import charges
from tests.benchmarks.estimate.judging import FROM_LEVELS, judge
from tests.benchmarks.estimate.recorded import RECORDINGS, Recording

FLOOR = 0.8
"""The least share of phones that must be ready within the range."""


def rising(start: int, end: int, pace: float = 1.0, at: float = 0.0) -> list[Point]:
    """Return one reading per percent."""
    return [Point(at + pace * (level - start), level) for level in range(start, end + 1)]


def test_four_of_five_simulated_phones_are_ready_within_the_range_and_a_line_fails() -> None:
    phones = charges(seed=2026, count=300)
    ours, line = judge(phones, estimate), judge(phones, naive.estimate)
    assert {start for start, _ in ours} == set(FROM_LEVELS)
    assert {target for _, target in ours} == {80, 100}
    for way, score in ours.items():
        assert score.known >= 60, way
        assert score.hit_rate >= FLOOR, way
        assert score.none_rate <= 0.25, way
        assert line[way].hit_rate < FLOOR, way
        # A range from now until far beyond the truth would always be right.
        assert score.width < score.left, way


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.phone)
def test_recorded_phones_were_ready_within_the_range(recording: Recording) -> None:
    readings = recording.charge.readings
    judged = 0
    for now in recording.asked_at:
        found = estimate([point for point in readings if point.at <= now], now)
        for target, estimated in ((80, found.to_80), (100, found.to_100)):
            done = [point.at for point in readings if point.level == target]
            if done and estimated is not None:
                judged += 1
                assert estimated.earliest <= done[0] - now <= estimated.latest, target
    assert judged


def test_the_last_fifth_takes_longer_than_the_others() -> None:
    found = estimate(rising(20, 50), 30)
    assert found.unknown is None
    assert found.to_80 == Range(25, 45)
    assert found.to_100 is not None
    assert found.to_100.earliest > 50


def test_up_to_20_minutes_are_told_exactly_and_more_in_steps_of_5() -> None:
    found = estimate(rising(50, 76), 26)
    assert found.to_80 == Range(3, 7)
    assert found.to_100 is not None
    assert {minutes % 5 for minutes in found.to_100} == {0}


def test_what_is_reached_is_no_longer_estimated() -> None:
    found = estimate(rising(60, 85), 25)
    assert found.to_80 is None
    assert found.to_100 is not None
    assert estimate(rising(60, 100), 40) == Estimate()


def test_the_range_comes_nearer_while_the_level_stays() -> None:
    readings = rising(20, 50, pace=4)
    at_once, later = estimate(readings, 120), estimate(readings, 123)
    assert at_once.to_80 is not None
    assert later.to_80 is not None
    assert later.to_80 < at_once.to_80


@pytest.mark.parametrize(
    ("points", "now", "why"),
    [
        ([], 0, WhyNot.TOO_FEW_READINGS),
        ([Point(0, 40)], 1, WhyNot.JUST_PLUGGED_IN),
        (rising(40, 42), 3, WhyNot.JUST_PLUGGED_IN),
        (rising(40, 44, pace=0.5), 3, WhyNot.JUST_PLUGGED_IN),
        (rising(40, 42, pace=4), 9, WhyNot.TOO_FEW_READINGS),
        (rising(20, 50), 30 + STALE_MINUTES + 1, WhyNot.STALE),
        ([*rising(20, 50), Point(60, 50)], 60, WhyNot.NO_PROGRESS),
        ([Point(0, 40), Point(30, 40)], 30, WhyNot.NO_PROGRESS),
        ([Point(0, 50), Point(10, 48), Point(20, 46)], 20, WhyNot.NO_PROGRESS),
        ([*rising(20, 50), Point(40, 45), *rising(46, 47, at=41)], 42, WhyNot.JUST_PLUGGED_IN),
    ],
)
def test_where_nothing_can_be_known_the_reason_is_told(
    points: list[Point], now: float, why: WhyNot
) -> None:
    assert estimate(points, now) == Estimate(unknown=why)


def test_a_phone_in_use_that_charges_again_is_estimated_by_its_new_pace() -> None:
    slow = rising(20, 40, pace=4)
    again = [Point(90, 36), *rising(37, 46, at=91)]
    found = estimate([*slow, *again], 100)
    assert found.to_80 == estimate(again, 100).to_80
    assert found.to_80 is not None
    assert found.to_80.latest <= 55


def test_a_phone_that_was_unplugged_is_estimated_by_the_time_that_it_was_plugged_in() -> None:
    paused = [*rising(30, 45), *rising(46, 60, at=46)]
    steady, with_pause = estimate(rising(30, 60), 30), estimate(paused, 60)
    assert steady.to_80 is not None
    assert with_pause.to_80 is not None
    assert with_pause.to_80.earliest == steady.to_80.earliest
    assert with_pause.to_80.latest > steady.to_80.latest


def test_a_gauge_that_goes_back_by_one_changes_nothing() -> None:
    wobbling = sorted(
        [*rising(20, 50), *(Point(level - 19.5, level - 1) for level in range(21, 50))]
    )
    assert estimate(wobbling, 30) == estimate(rising(20, 50), 30)


SOME_POINTS = st.lists(st.builds(Point, st.floats(0, 600), st.integers(0, 100)), max_size=40)


@given(SOME_POINTS | SOME_POINTS.map(sorted), st.floats(0, 700))
def test_any_readings_lead_to_a_range_or_to_a_reason(points: list[Point], now: float) -> None:
    found = estimate(points, now)
    for each in (found.to_80, found.to_100):
        assert each is None or 0 <= each.earliest <= each.latest
    is_full = bool(points) and points[-1].level == FULL
    assert (found.to_100 is None) == (is_full or found.unknown is not None)
    if found.to_80 is not None and found.to_100 is not None:
        assert found.to_80.latest <= found.to_100.latest


@pytest.mark.parametrize("curve", [*FAMILY, USUAL])
def test_each_curve_is_straight_up_to_its_taper_and_ever_slower_beyond(curve: Curve) -> None:
    steps = [curve.between(level, level + 1) for level in range(FULL)]
    assert steps[: int(min(TAPERS))] == pytest.approx([1.0] * int(min(TAPERS)))
    beyond = steps[int(max(TAPERS)) :]
    assert beyond == sorted(beyond)
    assert beyond[-1] > 3
