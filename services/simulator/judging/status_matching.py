"""Match charging statuses with readings, although messages carry no number."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from shared.contract.device_protocol import ChargingStatus

_MOST_RUNS: Final = 64
"""Runs kept for a widget that shows none of them; older ones cannot come any more."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a status that the widget got turned out to be.

    Attributes:
        older: No reading since the last match calls for it: an older status
            replaced a newer one.
        took: Seconds from the first reading that called for it to its arrival;
            none where that would be a guess.
    """

    older: bool = False
    took: float | None = None


@dataclass(slots=True)
class _Run:
    """Successive readings that call for the same charging status."""

    status: ChargingStatus
    sent_at: float


class StatusMatcher:
    """Matches the statuses of one widget with the readings of its charger.

    A status message does not say which reading it belongs to, and under
    overload readings are conflated, so counting both sides misleads. Only
    changes are certain: successive readings with the same status
    form a *run*, neighbouring runs differ by construction, and the widget goes
    through the runs in order, skipping some but never going back. A status is
    therefore matched with the earliest run it fits, from the last match on. If
    none fits, it is older than what was shown before.

    The time from the first reading of a run to its first match is the latency
    of that change. Matched with the earliest run, it can only come out too
    long, never too short. Repeated statuses give no figure.
    """

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque(maxlen=_MOST_RUNS)
        self._matched = False
        self._connected_at: float | None = None
        self._first_since_connect = False

    def on_reading_sent(self, calls_for: ChargingStatus, now: float) -> None:
        """Note that a reading left the charger."""
        if not self._runs or self._runs[-1].status is not calls_for:
            self._runs.append(_Run(calls_for, now))

    def on_widget_connected(self, now: float) -> None:
        """Note that the widget has a (new) connection."""
        self._connected_at = now
        self._first_since_connect = True

    def on_status_seen(self, status: ChargingStatus, now: float) -> Match:
        """Match a status that the widget got."""
        first, self._first_since_connect = self._first_since_connect, False
        if first and not self._matched:
            # May be a leftover from before this program ran: no start to count from.
            return Match()
        position = next((i for i, run in enumerate(self._runs) if run.status is status), None)
        if position is None:
            return Match(older=self._matched)
        run = self._runs[position]
        new = position > 0
        for _ in range(position):
            self._runs.popleft()
        known, self._matched = self._matched, True
        if not (new and known) or self._connected_at is None or run.sent_at < self._connected_at:
            return Match()
        return Match(took=now - run.sent_at)
