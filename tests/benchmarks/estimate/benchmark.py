"""The figures: the hub's estimate and a straight line, for simulated phones, and recorded ones."""

import random
import time
from collections.abc import Callable
from typing import Final

from services.registry.estimate.estimate import estimate
from tests.benchmarks.estimate import naive
from tests.benchmarks.estimate.judging import Score, Scores, answer_of, judge
from tests.benchmarks.estimate.phones import Charge, charge, some_phone
from tests.benchmarks.estimate.recorded import RECORDINGS
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options

_PHONES: Final = 1000
_QUICK_PHONES: Final = 60

_FIGURES: Final[dict[str, tuple[Callable[[Score], float], str]]] = {
    "ready within the range": (lambda score: 100 * score.hit_rate, "%"),
    "ready before the range": (lambda score: 100 * score.early_rate, "%"),
    "no estimate": (lambda score: 100 * score.none_rate, "%"),
    "median width of the range": (lambda score: score.width, "min"),
    "median time it took": (lambda score: score.left, "min"),
}


def charges(seed: int, count: int) -> list[Charge]:
    """Return simulated phones, the same for the same seed."""
    rng = random.Random(seed)
    return [charge(some_phone(rng), rng) for _ in range(count)]


async def measure(options: Options) -> Report:
    """Judge other phones in each round, and the recorded ones once."""
    report = Report()
    count = _QUICK_PHONES if options.quick else _PHONES
    own: list[Scores] = []
    line: list[Scores] = []
    used: list[float] = []
    for seed in range(1 if options.quick else options.rounds):
        phones = charges(seed, count)
        began = time.process_time()
        own.append(judge(phones, estimate))
        asked = sum(score.asked for score in own[-1].values())
        used.append((time.process_time() - began) / asked * 1e6)
        line.append(judge(phones, naive.estimate))
    for way in sorted(own[0]):
        name = f"estimate {way[0]} to {way[1]} %"
        for what, (value, unit) in _FIGURES.items():
            report.add(f"{name}: {what}", [value(scores[way]) for scores in own], unit)
        hits = [100 * scores[way].hit_rate for scores in line]
        report.add(f"{name}: straight line, ready within", hits, "%")
    report.add("estimate: CPU", used, "µs")
    for recording in RECORDINGS:
        for now in recording.asked_at:
            at, answer = answer_of(recording.charge, estimate, now)
            report.note(f"estimate recorded: {recording.phone}, at {at} %", answer)
    return report
