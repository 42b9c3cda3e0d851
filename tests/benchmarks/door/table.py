"""The figures of attacks, for comparison and as a table for people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.e2e.crowd import quantile
from tests.e2e.door.watch import Noticed

_HEAD: Final = (
    "attack",
    "per second",
    "its CPU",
    "CPU of the attacked",
    "device in, longest",
    "REST, longest",
    "others' p50",
    "others' p99",
    "p99 / usual",
    "p99 / control",
)
_LEGEND: Final = (
    "Times in ms, medians of the rounds: before → during the attack (control). The control uses as "
    "much CPU as the attacker, and leaves the hub alone. Others: readings of connected devices to "
    "their widget; before, in the phases before all attacks: that is usual."
)


@dataclass(frozen=True)
class Round:
    """What an attack did, once.

    Attributes:
        per_second: Connections that it made.
        attacker: Share of a processor that the attacker used.
        attacked: Share of a processor that the attacked process used.
        before: What was noticed without it.
        during: What was noticed during it.
        control: What was noticed while the attacker only used as much CPU.
    """

    per_second: float
    attacker: float
    attacked: float
    before: Noticed
    during: Noticed
    control: Noticed

    @property
    def phases(self) -> tuple[Noticed, ...]:
        """In the order of time."""
        return self.before, self.during, self.control


@dataclass(frozen=True)
class Row:
    """What one attack did, in all rounds.

    Attributes:
        name: Of the attack.
        rounds: What it did in each.
        quiet: What those whom it concerns noticed whenever there was no attack.
    """

    name: str
    rounds: Sequence[Round]
    quiet: Sequence[Noticed]

    def figures(self) -> Iterator[tuple[str, list[float], str]]:
        """Return each figure with its name and unit; one value of each round."""
        yield "connections", [each.per_second for each in self.rounds], "per s"
        yield "CPU of the attacker", [each.attacker for each in self.rounds], "cores"
        yield "CPU of the attacked", [each.attacked for each in self.rounds], "cores"
        yield "device in, longest", [max(each.during.connects) for each in self.rounds], "s"
        yield "REST, longest", [max(each.during.answers) for each in self.rounds], "s"
        for share in (0.5, 0.99):
            quiet, during, control = self._lights(share)
            name = f"others' p{share * 100:.0f}"
            for other, values in (("usual", quiet), ("control", control)):
                yield f"{name} / {other}", [each / median(values) for each in during], ""

    def cells(self) -> list[str]:
        """Return what its row of the table says."""
        usual, during, control = map(median, self._lights(0.99))
        return [
            self.name,
            f"{median(each.per_second for each in self.rounds):,.0f}",
            f"{median(each.attacker for each in self.rounds):.0%}",
            f"{median(each.attacked for each in self.rounds):.0%}",
            _times([max(each.connects) for each in phase] for phase in self._phases),
            _times([max(each.answers) for each in phase] for phase in self._phases),
            _times(self._lights(0.5)),
            _times(self._lights(0.99)),
            f"{during / usual:.1f}",
            f"{during / control:.1f}",
        ]

    @property
    def _phases(self) -> list[tuple[Noticed, ...]]:
        """Of all rounds: what came before, during, and in the control."""
        return list(zip(*(each.phases for each in self.rounds), strict=True))

    def _lights(self, share: float) -> list[list[float]]:
        """Of others, in each phase: whenever there was no attack, during it, in the control."""
        _, during, control = self._phases
        return [
            [quantile(each.lights, share) for each in phases]
            for phases in (self.quiet, during, control)
        ]


def table(rows: Sequence[Row]) -> str:
    """Return them as a table in Markdown, with a line that explains it."""
    lines = [_HEAD, ["---"] * len(_HEAD), *(row.cells() for row in rows)]
    return "\n".join(["", *(f"| {' | '.join(line)} |" for line in lines), "", _LEGEND])


def _times(phases: Iterable[Sequence[float]]) -> str:
    before, during, control = (f"{median(each) * 1000:.0f}" for each in phases)
    return f"{before} → {during} ({control})"
