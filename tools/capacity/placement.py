"""Where Redis' work is: which primary of a cluster has which tags, and so the most to do."""

from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import NamedTuple

from shared.bus.cluster.slots import SLOTS, slot_of
from shared.contract.names import Names


class Share(NamedTuple):
    """What one primary has of all tags, as shares of 1."""

    chargers: float
    widgets: float


class Work(NamedTuple):
    """Cores that one purpose takes.

    Attributes:
        chargers: In the tags of chargers, together.
        widgets: In the tags of widgets, together.
        each: Of each primary, whatever its tags.
    """

    chargers: float = 0.0
    widgets: float = 0.0
    each: float = 0.0

    def on(self, share: Share) -> float:
        """Return the cores of a primary with this share of the tags."""
        return self.chargers * share.chargers + self.widgets * share.widgets + self.each

    def total(self, nodes: int) -> float:
        """Return the cores of all primaries together."""
        return self.chargers + self.widgets + nodes * self.each


@cache
def shares(partitions: int, nodes: int) -> tuple[Share, ...]:
    """Return what each primary has of the tags. Each tag of a kind has as much to do."""
    chargers, widgets = (
        Counter(_primary(slot, nodes) for slot in slots) for slots in _slots(partitions)
    )
    return tuple(
        Share(chargers[node] / partitions, widgets[node] / partitions) for node in range(nodes)
    )


def busiest(works: Collection[Work], partitions: int, nodes: int) -> float:
    """Return the cores of the primary that has the most to do."""
    return max(sum(work.on(share) for work in works) for share in shares(partitions, nodes))


def fullest(partitions: int, nodes: int) -> float:
    """Return the share of all data that the primary with the most has."""
    return max((share.chargers + share.widgets) / 2 for share in shares(partitions, nodes))


@cache
def _slots(partitions: int) -> tuple[list[int], list[int]]:
    """Return the slots of all tags, of chargers and of widgets."""
    names = Names(partitions)
    chargers = [slot_of(tag.directory) for tag in names.chargers]
    return chargers, [slot_of(tag.directory) for tag in names.widgets]


def _primary(slot: int, nodes: int) -> int:
    """Return which primary has a slot: they are split evenly, as ``join-cluster`` does it."""
    return ((slot + 1) * nodes - 1) // SLOTS
