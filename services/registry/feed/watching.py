"""Who watches which booths. No I/O.

A booth counts as watched a while longer than it is: a client that has its snapshot comes for its
stream, and one that lost its connection comes back.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias

LINGER_SECONDS: Final = 30.0

Booth: TypeAlias = str | None
"""A booth by its id; empty: what is in none; None: all."""


class Watching:
    """Booths that are watched, by streams and by those who took a snapshot lately.

    Args:
        clock: In seconds; it only moves forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._streams = Counter[Booth]()
        self._until: dict[Booth, float] = {}

    def begin(self, booth: Booth) -> None:
        """A stream shows a booth, or a snapshot will."""
        self._streams[booth] += 1

    def end(self, booth: Booth) -> None:
        """It has ended; the booth counts as watched for a while."""
        self._streams[booth] -= 1
        self._until[booth] = self._clock() + LINGER_SECONDS

    def booths(self) -> frozenset[Booth]:
        """Return the booths that are watched now."""
        now = self._clock()
        self._until = {booth: until for booth, until in self._until.items() if until > now}
        self._streams = +self._streams
        return frozenset({*self._streams, *self._until})
