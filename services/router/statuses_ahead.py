"""Stored statuses that are newer than the reading that they would be of, or another light of it.

For a moment that is usual: a doorbell was late, or a newer reading is on its way. But a status
that stays ahead of what is stored of its charger was written by hand, or outlived its reading on
another server. Without this nothing could replace it before the charger's revisions have
grown past it. No clock judges revisions: what counts is that the status stays ahead, whatever
the charger reports meanwhile.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.router.reading import Reading
from shared.contract.doorbells import Revision

_AHEAD_SECONDS: Final = 5.0
"""A status that is ahead for so long is replaced: gateways store a reading that Redis lost
again within two."""
_FORGET_SECONDS: Final = 10.0
"""Without another look for so long, its time begins again."""


class _Noted(NamedTuple):
    status: Revision
    first_at: float
    last_at: float


@dataclass(eq=False, repr=False)
class StatusesAhead:
    """Which statuses are ahead, by charger, and since when."""

    clock: Callable[[], float] = time.monotonic
    _noted: dict[str, _Noted] = field(default_factory=dict)
    _unsure: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, reading: Reading, status: Revision) -> None:
        """Note that the status stored for a reading's widget is ahead of it.

        Only of readings that were just read from Redis: one on a doorbell may be old. Its
        charger must be read, since one that reports often is never overdue.
        """
        if not reading.is_overdue:
            self._unsure[reading.partition].add(reading.charger_id)
            return
        now = self.clock()
        known = self._noted.get(reading.charger_id)
        goes_on = (
            known is not None and known.status == status and now - known.last_at < _FORGET_SECONDS
        )
        first_at = known.first_at if known is not None and goes_on else now
        self._noted[reading.charger_id] = _Noted(status, first_at, now)

    def __bool__(self) -> bool:
        """Tell whether any is noted."""
        return bool(self._noted)

    def replaced_by(self, reading: Reading) -> Revision | None:
        """Return the revision of the status that a reading is to replace now, if any."""
        known = self._noted.get(reading.charger_id)
        if known is None or not reading.is_overdue or reading.revision > known.status:
            return None
        if self.clock() - known.first_at < _AHEAD_SECONDS:
            return None
        return known.status

    def take_unsure(self, partition: int) -> set[str]:
        """Take the chargers of a partition that must be read although they are not overdue."""
        return self._unsure.pop(partition, set())

    def forget(self, reading: Reading) -> None:
        """Forget about a charger: its status is not ahead any more."""
        self._noted.pop(reading.charger_id, None)
