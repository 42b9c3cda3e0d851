"""What a script tells of a charger's pairing."""

from collections.abc import Sequence
from typing import NamedTuple


class KnownPairing(NamedTuple):
    """A charger's pairing, as its directory entry said (``pairing_told`` in ``model.lua``)."""

    number: int
    mark: str
    """What readings sent in it are marked with; empty: the charger is not paired."""
    age: float = 0.0
    """Seconds since it began, by Redis' clock."""


def read_pairing(words: Sequence[bytes]) -> KnownPairing | None:
    """Read a script's answer; None if it tells nothing."""
    if not words:
        return None
    number, mark, age = words
    return KnownPairing(int(number), mark.decode(), int(age) / 1_000_000)
