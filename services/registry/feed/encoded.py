"""What streams send next, encoded once for all that are at the same place. No I/O.

Most streams are: at the last change. So twenty consoles cost hardly more than one.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from fastapi.sse import format_sse_event

from services.registry.feed.positions import Position
from services.registry.feed.tiles import Change, Tiles
from services.registry.feed.watching import Booth

_MOST_CHANGES: Final = 250
"""In one piece: a client that reads slowly holds no more than a few of them here."""
_MOST_PIECES: Final = 8
"""Kept for others, of about 100 KB each; streams that begin need more, one after the other."""


class Piece(NamedTuple):
    """What a stream sends next."""

    events: Sequence[bytes]
    number: int
    """All changes up to this one are sent then."""


class Encoded:
    """The changes of a feed as Server-Sent Events."""

    def __init__(self, feed: str, tiles: Tiles) -> None:
        self._feed = feed
        self._tiles = tiles
        self._at = tiles.number
        self._pieces: dict[tuple[int, Booth], Piece] = {}

    def after(self, number: int, booth: Booth) -> Piece:
        """Return what follows a change for those who see a booth (empty: none; None: all)."""
        if self._at != self._tiles.number:
            self._at = self._tiles.number
            self._pieces.clear()
        place = (number, booth)
        if place not in self._pieces:
            changes, up_to = self._tiles.after(number, booth, _MOST_CHANGES)
            self._pieces[place] = Piece(encode(changes, self._feed), up_to)
            if len(self._pieces) > _MOST_PIECES:
                del self._pieces[next(iter(self._pieces))]
        return self._pieces[place]


def encode(changes: Sequence[Change], feed: str) -> list[bytes]:
    """Return changes of a feed as events, in their order."""
    events = []
    for is_gone, some in groupby(changes, key=lambda each: each.text is None):
        group = list(some)
        texts = (f'"{each.charger}"' if is_gone else each.text or "" for each in group)
        at = str(Position(feed, group[-1].number))
        name = "gone" if is_gone else "tiles"
        data = f"[{','.join(texts)}]"
        events.append(format_sse_event(event=name, data_str=data, id=at))
    return events
