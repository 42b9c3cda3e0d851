"""Conditions, and how what was told of them becomes what is the case. No I/O."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is the case, and should be told."""

    kind: str
    subject: str
    """Tells it from others of its kind: a rental, a charger, a trouble, an alert."""
    about: str
    device: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Over(NamedTuple):
    """Something that was told, and is not the case any more."""

    kind: str
    subject: str
    is_told: bool = True
    """Whether its end is told."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What must be told."""

    new: tuple[Condition, ...] = ()
    over: tuple[Over, ...] = ()

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(self.new + other.new, self.over + other.over)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.new) + len(self.over)

    def first(self, most: int) -> "Changes":
        """Return no more than so many: what is over first."""
        over = self.over[:most]
        return Changes(self.new[: most - len(over)], over)


Raised: TypeAlias = Mapping[str, Collection[str]]
"""What was told and is not over, as far as is known: subjects by their kind."""


def changes_of(
    kind: str,
    present: Iterable[Condition],
    raised: Collection[str],
    *,
    untold: Collection[str] | None = None,
) -> Changes:
    """Return what must be told of one kind.

    Args:
        kind: Of all of them.
        present: All that is the case.
        raised: Subjects that were told.
        untold: Those whose end is not told; None: no end is.
    """
    found = {each.subject: each for each in present}
    gone = [subject for subject in raised if subject not in found]
    return Changes(
        tuple(each for subject, each in found.items() if subject not in raised),
        tuple(Over(kind, each, untold is not None and each not in untold) for each in gone),
    )
