"""When a phone will be at 80 % and at 100 %: a range for each, or why there is none. No I/O."""

import math
import operator
import statistics
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from services.registry.estimate.charging_curve import FAMILY, FULL, Curve
from services.registry.estimate.progress import Point, Progress, WhyNot, progress

SOON: Final = 80
"""In percent: where charging gets slow, and where a widget turns yellow by default."""

_TOLERANCE: Final = 1.2
"""A curve is possible if the readings are at most so many times as far from it as from the best,"""
_TOLERANCE_MINUTES: Final = 0.1
"""and this much."""
_MARGIN: Final = 0.04
"""The least share that is taken off the earliest and added to the latest time,"""
_MARGIN_BY_RISE: Final = 0.6
"""and more the less the level has risen: divided by its rise in percent."""
_SLOWER: Final = 0.2
"""The share that the way to 80 % may take longer: much makes charging slower, little faster."""
_MOST_PAUSES: Final = 0.5
"""The share of pauses that may go on, at most."""
_EXACT_MINUTES: Final = 20
_STEP_MINUTES: Final = 5


class Range(NamedTuple):
    """From when until when something will happen, in whole minutes from now."""

    earliest: int
    latest: int


class Estimate(NamedTuple):
    """When a phone will be ready.

    Attributes:
        to_80: When it reaches 80 %; None: it has, or nobody knows.
        to_100: When it reaches 100 %; likewise.
        unknown: Why nothing can be said; None: it is said, or the phone is ready.
    """

    to_80: Range | None = None
    to_100: Range | None = None
    unknown: WhyNot | None = None


def estimate(points: Sequence[Point], now: float) -> Estimate:
    """Return when a phone will be ready.

    Args:
        points: Its readings, in the order of their time; the last is the newest.
        now: In minutes, by the same clock.
    """
    if points and points[-1].level >= FULL:
        return Estimate()
    found = progress(points, now)
    if isinstance(found, WhyNot):
        return Estimate(unknown=found)
    possible = _possible(found.steps)
    return Estimate(
        to_80=_range(found, possible, SOON) if found.level < SOON else None,
        to_100=_range(found, possible, FULL),
    )


def _range(found: Progress, possible: Sequence[tuple[Curve, float]], target: int) -> Range:
    likely = [_remaining(found, *each, target) for each in possible]
    slower = [_SLOWER * _remaining(found, *each, SOON) for each in possible]
    latest = max(map(operator.add, likely, slower))
    margin = _MARGIN + _MARGIN_BY_RISE / found.rise
    pauses = min(_MOST_PAUSES, found.paused / max(found.duration, 1.0))
    return Range(
        _rounded(min(likely) / (1 + margin), math.floor),
        max(1, _rounded(latest * (1 + margin) * (1 + pauses), math.ceil)),
    )


class _Fit(NamedTuple):
    curve: Curve
    pace: float
    """Minutes per unit of the curve."""
    distance: float
    """How far the readings are from it, in minutes."""


def _possible(steps: Sequence[Point]) -> list[tuple[Curve, float]]:
    """Return the curves that the phone may follow, each with its pace."""
    fits = [_fit(curve, steps) for curve in FAMILY]
    most = min(fit.distance for fit in fits) * _TOLERANCE + _TOLERANCE_MINUTES
    return [(fit.curve, fit.pace) for fit in fits if fit.distance <= most]


def _fit(curve: Curve, steps: Sequence[Point]) -> _Fit:
    """Fit a curve: the median of the paces between any two steps (Theil-Sen).

    https://en.wikipedia.org/wiki/Theil-Sen_estimator
    """
    efforts = [curve.effort[step.level] for step in steps]
    at = [step.at for step in steps]
    pairs = combinations(range(len(steps)), 2)
    pace = statistics.median((at[j] - at[i]) / (efforts[j] - efforts[i]) for i, j in pairs)
    offsets = [when - pace * effort for when, effort in zip(at, efforts, strict=True)]
    middle = statistics.median(offsets)
    return _Fit(curve, pace, statistics.fmean(abs(each - middle) for each in offsets))


def _remaining(found: Progress, curve: Curve, pace: float, target: int) -> float:
    """Return the minutes from now until a level, without margin."""
    if target <= found.level:
        return 0.0
    step = pace * curve.between(found.level, found.level + 1)
    beyond = pace * curve.between(found.level + 1, target)
    return max(0.0, step - found.waiting) + beyond


def _rounded(minutes: float, to_whole: Callable[[float], int]) -> int:
    """Round as people say it."""
    step = 1 if minutes <= _EXACT_MINUTES else _STEP_MINUTES
    return to_whole(minutes / step) * step
