"""Several hubs in one run, in turns of some seconds: the machine's noise is slower than these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Self

from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.relay.variant import Run, Variant

_PAIRS: Final = 400
_RATES: Final = (500.0, 2_000.0)
"""Readings per second: one that leaves nearly all of the machine idle, and one at which readings
travel together."""
_TURNS: Final = 4
"""Of each hub at each rate in a round."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a run is; times in seconds, rates in readings per second."""

    pairs: int
    rounds: int
    rates: tuple[float, ...]
    seconds: float
    warm_up: float

    @classmethod
    def of(cls, options: Options) -> Self:
        if options.quick:
            return cls(20, 1, _RATES[:1], 0.4, 0.1)
        return cls(options.connections or _PAIRS, options.rounds, _RATES, 5.0, 1.0)

    def turns(self, variants: Sequence[Variant]) -> Iterator[Variant]:
        """Yield whose turn it is at one rate."""
        return _in_turns(variants, self.rounds * _TURNS)

    async def run(self, variant: Variant, rate: float) -> Run:
        """Relay at a rate for one turn."""
        return await variant.run(rate, self.seconds, self.warm_up)

    async def search(self, variants: Sequence[Variant], report: Report, title: str) -> None:
        """Add the highest rate that each bears."""
        found: dict[str, list[float]] = {variant.name: [] for variant in variants}
        for variant in _in_turns(variants, self.rounds):
            rates = found[variant.name]
            first = rates[-1] / 2 if rates else self.rates[-1]
            rate, _ = await variant.highest_rate(first, self.seconds, self.warm_up)
            rates.append(rate)
        add_ratio(report, title, found, "1/s")


def add_ratio(
    report: Report, title: str, samples: Mapping[str, Sequence[float]], unit: str
) -> None:
    """Add what each variant showed, by its name, and the ratios of later ones to earlier ones."""
    for name, of in samples.items():
        report.add(f"{title}, {name}", of, unit)
    for first, second in combinations(samples, 2):
        report.ratio(f"{title}, {second} / {first}", f"{title}, {second}", f"{title}, {first}")


def _in_turns(variants: Sequence[Variant], turns: int) -> Iterator[Variant]:
    """Yield all in each turn, A B B A A B B A, so that none is always the first."""
    for turn in range(turns):
        yield from variants if turn % 2 else reversed(variants)
