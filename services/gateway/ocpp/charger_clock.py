"""When a sample was taken: the charger's clock may be wrong, and its message may be late.

The lag of a message is how long ago its own time is. A late message and a slow clock look alike
in one message. But a clock that is behind makes all lags alike, while those of a queue that is
sent at once differ as their times do.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from services.gateway.ocpp.samples import Sample
from services.gateway.ocpp.turn import Now

LATE_SECONDS: Final = 60.0
"""A greater lag shows that the message is late, or the clock wrong."""
_EQUAL_SECONDS: Final = 2.0
"""Lags that differ by no more are alike."""
_ANSWER_SECONDS: Final = 60.0
"""After so long a sample is no answer to a question any more."""
_REMEMBERED_SECONDS: Final = 600.0
"""For so long a lag shows that the clock is behind by no more; then it may have been set."""


def is_late(at: float, now: Now) -> bool:
    """Whether what comes now is so old, by the context's clock, that it may have been queued."""
    return now.clock - at > LATE_SECONDS


@dataclass(slots=True)
class ChargerClock:
    """What is known of a charger's clock. All its connectors have the same one.

    Attributes:
        offset: By how many seconds it is behind; 0 while it is not known to be wrong.
    """

    offset: float = 0.0
    _last: tuple[float, float] | None = None  # the last sample's own time, and its lag
    _least: float = inf  # the smallest lag of late
    _least_at: float = -inf

    def note(self, stamp: float | None, now: Now) -> None:
        """Learn from the time in any message: the clock is behind by no more than its lag."""
        if stamp is None:
            return
        lag = now.utc - stamp
        if lag < -_EQUAL_SECONDS:
            return  # a clock that is ahead will be set, and says nothing of one behind
        if lag <= self._least or now.clock - self._least_at > _REMEMBERED_SECONDS:
            self._least, self._least_at = lag, now.clock

    def sampled_at(
        self,
        sample: Sample,
        now: Now,
        *,
        triggered_at: float | None = None,
        is_offline: bool = False,
    ) -> float | None:
        """Return when a sample was taken, by the context's clock; None if that is not known.

        Args:
            sample: It says when by the charger's clock, or does not.
            now: When its message came.
            triggered_at: When the charger was last asked for a sample, if it was.
            is_offline: Whether the charger says that it had no connection then.
        """
        if sample.stamp is None:
            return None if is_offline else now.clock
        self.note(sample.stamp, now)
        lag = now.utc - sample.stamp
        if lag < self.offset - _EQUAL_SECONDS:
            self.offset = 0.0  # it was set
        earliest = -inf
        if not is_offline:
            if sample.is_triggered and triggered_at is not None:
                earliest = self._learn_from_answer(lag, triggered_at, now.clock)
            if lag > self.offset + _EQUAL_SECONDS and self._is_steady(sample.stamp, lag):
                self.offset = lag
            self._last = sample.stamp, lag
        return max(now.clock - max(lag - self.offset, 0.0), earliest)

    def said_at(self, stamp: float | None, now: Now) -> float:
        """Return when something was that is no sample; its time may be that of long ago."""
        lag = 0.0 if stamp is None else now.utc - stamp
        return now.clock - max(lag - self.offset, 0.0)

    def _learn_from_answer(self, lag: float, triggered_at: float, now: float) -> float:
        """Learn from the answer to a question; return when it was asked, if this is the answer."""
        ago = now - triggered_at
        if ago > _ANSWER_SECONDS or not self._may_be_behind_by(lag - ago):
            return -inf  # to a question of a former connection
        if lag > self.offset + ago + _EQUAL_SECONDS:
            self.offset = lag - ago  # at least
        return triggered_at

    def _is_steady(self, stamp: float, lag: float) -> bool:
        """Whether two samples in a row lag equally, and neither is the other one again."""
        if self._last is None or not self._may_be_behind_by(lag):
            return False
        last_stamp, last_lag = self._last
        apart = stamp - last_stamp
        # Of a queue that is sent at once the lags differ by as much as the times.
        return apart > _EQUAL_SECONDS and abs(lag - last_lag) <= min(_EQUAL_SECONDS, apart / 2)

    def _may_be_behind_by(self, seconds: float) -> bool:
        return self._least >= seconds - _EQUAL_SECONDS
