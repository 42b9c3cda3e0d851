"""Work in batches: grouped by the hash slot it belongs to, none too large."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")
Slot = TypeVar("Slot", bound=Hashable)

ITEMS_PER_CALL: Final = 500
"""Most items in one script call: a call must not keep Redis from others for long."""
ITEMS_PER_EXCHANGE: Final = 1000
"""Most items in one exchange with Redis, so that each ends well within its deadline."""


def by_slot(
    items: Iterable[Item], slot_of: Callable[[Item], Slot]
) -> list[tuple[Slot, list[Item]]]:
    """Group items by what decides their hash slot, such as the number of their partition.

    Within a slot they keep their order, and at most `ITEMS_PER_CALL` are together.
    """
    slots: defaultdict[Slot, list[Item]] = defaultdict(list)
    for item in items:
        slots[slot_of(item)].append(item)
    batches: list[tuple[Slot, list[Item]]] = []
    for slot, members in slots.items():
        if len(members) <= ITEMS_PER_CALL:
            batches.append((slot, members))
        else:
            batches += [(slot, part) for part in parts(members, ITEMS_PER_CALL)]
    return batches


def exchanges(batches: Iterable[Item], size_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Put batches together, in their order, into exchanges of at most `ITEMS_PER_EXCHANGE`.

    A larger batch is an exchange of its own.
    """
    together: list[Item] = []
    items = 0
    for batch in batches:
        size = size_of(batch)
        if together and items + size > ITEMS_PER_EXCHANGE:
            yield together
            together, items = [], 0
        together.append(batch)
        items += size
    if together:
        yield together


def parts(items: list[Item], most: int) -> Iterator[list[Item]]:
    """Split items into lists of at most ``most``, in their order."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
