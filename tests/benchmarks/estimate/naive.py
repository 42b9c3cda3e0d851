"""The estimate that suggests itself: the last readings, continued as a straight line."""

from collections.abc import Sequence
from typing import Final

from services.registry.estimate.estimate import Estimate, Range
from services.registry.estimate.progress import Point, WhyNot

_WINDOW: Final = 20
_MARGIN: Final = 0.15


def estimate(points: Sequence[Point], now: float) -> Estimate:
    """Return a range around where a straight line through two readings meets each level."""
    last = points[-1]
    first = next(point for point in points if point.level >= last.level - _WINDOW)
    if last.level <= first.level:
        return Estimate(unknown=WhyNot.TOO_FEW_READINGS)
    pace = (last.at - first.at) / (last.level - first.level)

    def until(level: int) -> Range | None:
        minutes = pace * (level - last.level) - (now - last.at)
        return Range(int(minutes / (1 + _MARGIN)), int(minutes * (1 + _MARGIN)) + 1)

    return Estimate(until(80) if last.level < 80 else None, until(100))
