"""What a benchmark found: figures with their spread, for people and for comparison."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

_NAME_WIDTH = 52


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, measured several times.

    Attributes:
        samples: One value per round, in the order of the rounds.
        unit: Of each; empty for a ratio.
        median: Of the samples; for a ratio, the ratio of the two medians.
    """

    samples: tuple[float, ...]
    unit: str
    median: float

    @classmethod
    def of(cls, samples: Sequence[float], unit: str = "") -> Self:
        """Make a figure out of what rounds gave."""
        return cls(tuple(samples), unit, statistics.median(samples))

    @classmethod
    def ratio(cls, above: "Figure", below: "Figure") -> Self:
        """Make the ratio of two figures' medians; its spread is that of the rounds' ratios."""
        pairs = zip(above.samples, below.samples, strict=False)
        samples = tuple(one / other for one, other in pairs if other)
        return cls(samples, "", above.median / below.median if below.median else float("nan"))

    @property
    def low(self) -> float:
        return min(self.samples, default=self.median)

    @property
    def high(self) -> float:
        return max(self.samples, default=self.median)

    def __str__(self) -> str:
        one = f"{number(self.median)} {self.unit}".rstrip()
        if len(self.samples) < 2:
            return one
        return f"{one}  ({number(self.low)} to {number(self.high)}, {len(self.samples)} rounds)"


@dataclass(slots=True)
class Report:
    """All figures of a run, by name; notes say what a number cannot."""

    figures: dict[str, Figure] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, samples: Sequence[float], unit: str = "") -> Figure:
        self.figures[name] = figure = Figure.of(samples, unit)
        return figure

    def ratio(self, name: str, above: str, below: str) -> Figure:
        self.figures[name] = figure = Figure.ratio(self.figures[above], self.figures[below])
        return figure

    def note(self, name: str, text: str) -> None:
        self.notes[name] = text

    def merge(self, other: "Report") -> None:
        self.figures |= other.figures
        self.notes |= other.notes

    def __str__(self) -> str:
        lines: Mapping[str, object] = {**self.figures, **self.notes}
        return "\n".join(f"{name:<{_NAME_WIDTH}} {value}" for name, value in lines.items())

    def write(self, path: Path, machine: Mapping[str, str]) -> None:
        path.write_text(json.dumps({"machine": dict(machine), **asdict(self)}, indent=1) + "\n")


def read(path: Path) -> tuple[Report, dict[str, str]]:
    """Read a file that `Report.write` wrote; return it and its machine.

    Raises:
        ValueError: It is something else.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        figures = {
            name: Figure(tuple(found["samples"]), found["unit"], found["median"])
            for name, found in document["figures"].items()
        }
        return Report(figures, document["notes"]), document["machine"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} was not written by `make bench ARGS=--json=FILE`") from error


def number(value: float) -> str:
    """Return a number as people read it: three digits that mean something, or all of a whole."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
