"""What a widget showed, and since when. Repetitions are counted, not listed."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.contract.device_protocol import ChargingStatus


@dataclass(slots=True)
class Entry:
    """Something that happened, perhaps several times in a row.

    Attributes:
        status: The charging status shown from then on; none for dark.
    """

    words: str
    status: ChargingStatus | None
    first: datetime
    last: datetime
    times: int = 1


class History:
    """The newest entries; ``length`` of them are kept."""

    def __init__(self, length: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=length)

    def add(self, words: str, status: ChargingStatus | None, now: datetime) -> None:
        """Note that something happened now."""
        newest = self._entries[-1] if self._entries else None
        if newest is not None and (newest.words, newest.status) == (words, status):
            newest.last = now
            newest.times += 1
        else:
            self._entries.append(Entry(words, status, now, now))

    def __iter__(self) -> Iterator[Entry]:
        """Give the entries, the newest first."""
        return reversed(self._entries)
