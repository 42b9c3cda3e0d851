"""What a phone's readings say about how it charges, or why they say nothing. No I/O."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from services.registry.estimate.charging_curve import FULL, USUAL


class Point(NamedTuple):
    """What a phone was at, at some time.

    Attributes:
        at: In minutes since any time.
        level: In whole percent, 0 to 100.
    """

    at: float
    level: int


class WhyNot(StrEnum):
    """Why nothing can be said: a closed set."""

    TOO_FEW_READINGS = "too_few_readings"
    """The level has not risen enough yet."""
    JUST_PLUGGED_IN = "just_plugged_in"
    """It rises, but only since a moment ago."""
    NO_PROGRESS = "no_progress"
    """It falls, or has not risen for long: the phone is in use, or not plugged in."""
    STALE = "stale"
    """Nothing was heard of the phone lately."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a phone has been charging lately.

    Attributes:
        steps: When each level was reached, with the pauses taken out.
        paused: How long those pauses were in all, in minutes.
        waiting: How long the phone has been at its present level, in minutes.
    """

    steps: Sequence[Point]
    paused: float
    waiting: float

    @property
    def level(self) -> int:
        """The present level, in percent."""
        return self.steps[-1].level

    @property
    def rise(self) -> int:
        """How far the level has risen, in percent."""
        return self.level - self.steps[0].level

    @property
    def duration(self) -> float:
        """How long that took without pauses, in minutes."""
        return self.steps[-1].at - self.steps[0].at


STALE_MINUTES: Final = 15.0
_SETTLED_MINUTES: Final = 4.0
"""A charger and a phone agree on a current in the first minutes."""
_LEAST_RISE: Final = 3
"""In percent. Less says little, since levels are whole percents."""
_FALL: Final = 2
"""In percent. Gauges go back and forth by one."""
_WINDOW: Final = 20
"""How far back to look, in percent: chargers change their current, and people their habits."""
_PAUSE: Final = 4.0
"""A step that takes so many times what is usual is a pause,"""
_PAUSE_MINUTES: Final = 3.0
"""if it is so much longer."""
_PATIENCE_MINUTES: Final = 10.0
_MOST_STEPS: Final = 12
"""More steps cost time, and say no more."""


def progress(points: Sequence[Point], now: float) -> Progress | WhyNot:
    """Return how a phone has been charging lately.

    Args:
        points: Its readings, in the order of their time; the last is the newest. Of the others,
            only those that changed the level matter.
        now: In minutes, by the same clock.
    """
    if not points:
        return WhyNot.TOO_FEW_READINGS
    if now - points[-1].at > STALE_MINUTES:
        return WhyNot.STALE
    run = _last_run(points)
    waiting = max(0.0, now - run[-1].at)
    window = _window(run)
    level = window[-1].level
    if level - window[0].level < _LEAST_RISE or window[-1].at - window[0].at < _SETTLED_MINUTES:
        return _why_not_yet(run, waiting, has_fallen=run[0].at > points[0].at)
    steps, paused = _without_pauses(window)
    pace = (steps[-1].at - steps[0].at) / USUAL.between(steps[0].level, level)
    due = pace * USUAL.between(level, min(level + 1, FULL))
    if waiting > max(_PATIENCE_MINUTES, _PAUSE * due):
        return WhyNot.NO_PROGRESS
    return Progress(_thinned(steps), paused, waiting)


def _why_not_yet(run: Sequence[Point], waiting: float, *, has_fallen: bool) -> WhyNot:
    if waiting > 2 * _PATIENCE_MINUTES or (has_fallen and len(run) == 1):
        return WhyNot.NO_PROGRESS
    if has_fallen or run[-1].at + waiting - run[0].at < _SETTLED_MINUTES:
        return WhyNot.JUST_PLUGGED_IN
    return WhyNot.TOO_FEW_READINGS


def _last_run(points: Sequence[Point]) -> list[Point]:
    """Return when each level was reached, since the level last fell."""
    run: list[Point] = []
    for point in points:
        if run and point.level <= run[-1].level - _FALL:
            run = []
        if not run or point.level > run[-1].level:
            if run and point.at <= run[-1].at:
                run.pop()  # no time between two levels says nothing about a pace
            run.append(point)
    return run


def _window(run: Sequence[Point]) -> Sequence[Point]:
    """Return the last steps; at least two, if there are two."""
    least = run[-1].level - _WINDOW
    first = next(index for index, step in enumerate(run) if step.level >= least)
    return run[max(0, min(first, len(run) - 2)) :]


def _without_pauses(run: Sequence[Point]) -> tuple[list[Point], float]:
    """Return the steps as if there had been no pauses, and how long these were."""
    efforts = [USUAL.between(before.level, after.level) for before, after in pairwise(run)]
    durations = [after.at - before.at for before, after in pairwise(run)]
    usual = statistics.median(
        each / effort for each, effort in zip(durations, efforts, strict=True)
    )
    steps, paused = [run[0]], 0.0
    for point, duration, effort in zip(run[1:], durations, efforts, strict=True):
        expected = usual * effort
        if duration > max(_PAUSE * expected, expected + _PAUSE_MINUTES):
            paused += duration - expected
        steps.append(Point(point.at - paused, point.level))
    return steps, paused


def _thinned(steps: Sequence[Point]) -> Sequence[Point]:
    """Return some of the steps, evenly, with the first and the last."""
    last = len(steps) - 1
    if last < _MOST_STEPS:
        return steps
    return [steps[round(index * last / (_MOST_STEPS - 1))] for index in range(_MOST_STEPS)]
