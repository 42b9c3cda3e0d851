"""Judges estimates: did the truth lie in the range?"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.registry.estimate.estimate import Estimate
from services.registry.estimate.progress import Point
from tests.benchmarks.estimate.phones import Charge

Estimator = Callable[[Sequence[Point], float], Estimate]

FROM_LEVELS: Final = (20, 50, 80, 95)
_LATER: Final = 0.2
"""A visitor looks a moment after the level was reached: so many minutes."""


@dataclass(slots=True)
class Score:
    """How good the estimates from one level to another were."""

    asked: int = 0
    inside: int = 0
    too_early: int = 0
    """The phone was ready before the range."""
    widths: list[float] = field(default_factory=list)
    """Of the ranges, in minutes."""
    lefts: list[float] = field(default_factory=list)
    """How long it really took, in minutes."""

    @property
    def known(self) -> int:
        return len(self.widths)

    @property
    def hit_rate(self) -> float:
        return self.inside / self.known if self.known else float("nan")

    @property
    def early_rate(self) -> float:
        return self.too_early / self.known if self.known else float("nan")

    @property
    def none_rate(self) -> float:
        return 1 - self.known / self.asked if self.asked else float("nan")

    @property
    def width(self) -> float:
        return statistics.median(self.widths) if self.widths else float("nan")

    @property
    def left(self) -> float:
        return statistics.median(self.lefts) if self.lefts else float("nan")


Scores = dict[tuple[int, int], Score]


def judge(charges: Iterable[Charge], estimator: Estimator) -> Scores:
    """Return a score for each level to start from and to get to."""
    scores: Scores = {}
    for charge in charges:
        for start in FROM_LEVELS:
            for target in (80, 100):
                if start < target:
                    _judge_one(charge, estimator, start, target, scores)
    return scores


def _judge_one(
    charge: Charge, estimator: Estimator, start: int, target: int, scores: Scores
) -> None:
    begun, done = charge.reached(start), charge.reached(target)
    if begun is None or done is None or charge.readings[0].level > start - 3:
        return  # it was handed over with more, or was never ready
    now = begun + _LATER
    known = [point for point in charge.readings if point.at <= now]
    found = estimator(known, now)
    score = scores.setdefault((start, target), Score())
    score.asked += 1
    estimated = found.to_80 if target == 80 else found.to_100
    if estimated is None:
        return
    left = done - now
    score.widths.append(estimated.latest - estimated.earliest)
    score.lefts.append(left)
    score.inside += estimated.earliest <= left <= estimated.latest
    score.too_early += left < estimated.earliest


def answer_of(charge: Charge, estimator: Estimator, now: float) -> tuple[int, str]:
    """Return the level at some time, and what was estimated then beside what became true."""
    known = [point for point in charge.readings if point.at <= now]
    found = estimator(known, now)
    said = []
    for target, estimated in ((80, found.to_80), (100, found.to_100)):
        # Of some phones nobody wrote down when they were at 80 %.
        done = [point.at for point in charge.readings if point.level == target]
        if done and estimated is not None:
            said.append(
                f"{target} % in {estimated.earliest} to {estimated.latest} min "
                f"(took {done[0] - now:.0f})"
            )
    return known[-1].level, ", ".join(said) or str(found.unknown)
