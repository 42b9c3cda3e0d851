"""All tiles, in the order of their last change: what a stream sends next is found here. No I/O.

A stream needs no queue: it knows the number of the last change that it sent, and all later ones
are here, each charger's newest tile once. So a client that reads slowly gets fewer changes, and
costs no memory.
"""

import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

from services.registry.feed.tile import Tile

_MOST_GONE: Final = 1000
"""Of so many chargers is kept that they are gone; who has missed more must begin again."""


class Change(NamedTuple):
    """A charger's newest tile, or that it is gone."""

    number: int
    charger: str
    text: str | None
    """The tile as JSON; None: it is gone."""


class Next(NamedTuple):
    """What a stream sends next."""

    changes: list[Change]
    number: int
    """All changes up to this one are sent then."""


class _Known(NamedTuple):
    tile: Tile
    change: Change


class Tiles:
    """The newest tile of each charger."""

    def __init__(self) -> None:
        self.number = 0
        """Of the last change."""
        self._known: dict[str, _Known] = {}
        """In the order of their changes."""
        self._gone: dict[tuple[str, str | None], Change] = {}
        """By the charger and the booth that it is gone from, in the same order."""
        self._forgotten = 0
        """Number of the last change of which this is not known any more."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._known)

    def get(self, charger: str) -> Tile | None:
        """Return a charger's tile; None: there is none."""
        known = self._known.get(charger)
        return known.tile if known else None

    def put(self, tile: Tile) -> None:
        """Have a tile be the newest one of its charger; the same again changes nothing."""
        charger = tile.charger
        known = self._known.get(charger)
        if known is not None:
            if known.tile == tile:
                return
            del self._known[charger]  # it comes to the end
            if known.tile.booth != tile.booth:
                self._note_gone(charger, known.tile.booth)
        self._gone.pop((charger, tile.booth), None)
        self.number += 1
        self._known[charger] = _Known(tile, Change(self.number, charger, tile.model_dump_json()))

    def remove(self, charger: str) -> None:
        """Have a charger be gone; one that is not there changes nothing."""
        known = self._known.pop(charger, None)
        if known is not None:
            self._note_gone(charger, known.tile.booth)

    def knows(self, number: int) -> bool:
        """Tell whether all changes after a number are known."""
        return self._forgotten <= number <= self.number

    def all(self, booth: str | None) -> list[str]:
        """Return the tiles that a client sees, as JSON.

        Args:
            booth: Of a booth; empty: of what is in none; None: all.
        """
        return [
            known.change.text or ""
            for known in self._known.values()
            if is_shown(known.tile.booth, booth)
        ]

    def after(self, number: int, booth: str | None, most: int) -> Next:
        """Return the changes after a number that a client sees, the oldest first.

        Args:
            number: That of the last change which the client has.
            booth: As for `all`.
            most: How many to return at once.
        """
        changes = [*self._tiles_after(number, booth), *self._gone_after(number, booth)]
        changes.sort()
        if len(changes) <= most:
            return Next(changes, self.number)
        return Next(changes[:most], changes[most - 1].number)

    def _tiles_after(self, number: int, booth: str | None) -> Iterator[Change]:
        newest = reversed(self._known.values())
        for known in itertools.takewhile(lambda each: each.change.number > number, newest):
            if is_shown(known.tile.booth, booth):
                yield known.change

    def _gone_after(self, number: int, booth: str | None) -> Iterator[Change]:
        newest = reversed(self._gone.items())
        for (charger, former), change in itertools.takewhile(
            lambda each: each[1].number > number, newest
        ):
            # Who sees all booths sees it in the other one.
            if is_shown(former, booth) and not (booth is None and charger in self._known):
                yield change

    def _note_gone(self, charger: str, booth: str | None) -> None:
        self.number += 1
        self._gone.pop((charger, booth), None)
        self._gone[charger, booth] = Change(self.number, charger, None)
        if len(self._gone) > _MOST_GONE:
            self._forgotten = self._gone.pop(next(iter(self._gone))).number


def is_shown(booth: str | None, wanted: str | None) -> bool:
    """Tell whether what is in a booth (None: in none) is wanted (empty: in none; None: all)."""
    return wanted is None or (booth or "") == wanted
