"""The figures of attacks, for comparison and as a table for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    "p99 / before",
    "p99 / control",
)
_LEGEND: Final = (
    "Times in ms: before → during the attack (control). The control uses as much CPU as the "
    "attacker, and leaves the hub alone. Others: readings of connected devices to their widget."
)


@dataclass(frozen=True)
class Row:
    """What one attack did.

    Attributes:
        name: Of the attack.
        per_second: Connections that it made.
        attacker: Share of a processor that the attacker used.
        attacked: Share of a processor that the attacked process used.
        before: What was noticed without it.
        during: What was noticed during it.
        control: What was noticed while the attacker only used as much CPU.
    """

    name: str
    per_second: float
    attacker: float
    attacked: float
    before: Noticed
    during: Noticed
    control: Noticed

    def figures(self) -> Iterator[tuple[str, float, str]]:
        """Return each figure with its name and unit."""
        yield "connections", self.per_second, "per s"
        yield "CPU of the attacker", self.attacker, "cores"
        yield "CPU of the attacked", self.attacked, "cores"
        yield "device in, longest", max(self.during.connects), "s"
        yield "REST, longest", max(self.during.answers), "s"
        for share in (0.5, 0.99):
            before, during, control = self._lights(share)
            yield f"others' p{share * 100:.0f} / before", during / before, ""
            yield f"others' p{share * 100:.0f} / control", during / control, ""

    def cells(self) -> list[str]:
        """Return what its row of the table says."""
        before, during, control = self._lights(0.99)
        return [
            self.name,
            f"{self.per_second:,.0f}",
            f"{self.attacker:.0%}",
            f"{self.attacked:.0%}",
            _times([max(each.connects) for each in self._phases]),
            _times([max(each.answers) for each in self._phases]),
            _times(self._lights(0.5)),
            _times(self._lights(0.99)),
            f"{during / before:.1f}",
            f"{during / control:.1f}",
        ]

    @property
    def _phases(self) -> tuple[Noticed, ...]:
        return self.before, self.during, self.control

    def _lights(self, share: float) -> list[float]:
        return [quantile(each.lights, share) for each in self._phases]


def table(rows: Sequence[Row]) -> str:
    """Return them as a table in Markdown, with a line that explains it."""
    lines = [_HEAD, ["---"] * len(_HEAD), *(row.cells() for row in rows)]
    return "\n".join(["", *(f"| {' | '.join(line)} |" for line in lines), "", _LEGEND])


def _times(seconds: Sequence[float]) -> str:
    before, during, control = (f"{each * 1000:.0f}" for each in seconds)
    return f"{before} → {during} ({control})"
