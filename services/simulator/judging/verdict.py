"""Whether a widget shows the wrong light: the promise of the whole hub, as a rule.

Pure: events and times go in, a verdict comes out.
"""

from enum import StrEnum

from services.simulator.judging.status_matching import Match, StatusMatcher
from services.simulator.judging.thresholds import Thresholds
from shared.contract.device_protocol import ChargingStatus


class Verdict(StrEnum):
    """What can be said about a light at some moment."""

    UNKNOWN = "unknown"
    """Not to be judged: the widget is not connected, or no reading was acknowledged."""
    RIGHT = "right"
    """It shows what is called for."""
    LATE = "late"
    """It shows something else, but not for longer than the hub may take."""
    WRONG = "wrong"
    """It has shown something else, or nothing, for longer than that."""


class Light:
    """The light of one widget, and what its charger's readings call for.

    Called for is the status of the last acknowledged reading. While later
    readings wait for their receipt, their statuses are right too: the hub may
    have stored them, and the receipt may be what got lost.

    A light is wrong if what it shows was not called for at any moment of the
    last `settle` seconds, while the widget was connected and a reading
    acknowledged all that time. Nothing calls for a dark light.

    Args:
        thresholds: What each level calls for.
        settle: How long the hub may take, in seconds.
    """

    def __init__(self, thresholds: Thresholds, settle: float) -> None:
        self._thresholds = thresholds
        self._settle = settle
        self._order = StatusMatcher()
        self._acknowledged: ChargingStatus | None = None
        self._acknowledged_since = 0.0
        self._unacknowledged: dict[ChargingStatus, int] = {}
        self._called_for_until: dict[ChargingStatus, float] = {}
        self._connected_since: float | None = None
        self._shown: ChargingStatus | None = None

    def on_reading_sent(self, number: int, level: float, now: float) -> None:
        """Note a reading that the charger sent; ``level`` is in percent."""
        status = self._thresholds.call_for(level)
        self._unacknowledged[status] = number
        self._order.on_reading_sent(status, now)

    def on_reading_acknowledged(self, number: int, level: float, now: float) -> None:
        """Note that the hub has stored a reading and all before it."""
        before = self._called_for()
        if self._acknowledged is None:
            self._acknowledged_since = now
        self._acknowledged = self._thresholds.call_for(level)
        self._unacknowledged = {
            status: newest for status, newest in self._unacknowledged.items() if newest > number
        }
        for status in before - self._called_for():
            self._called_for_until[status] = now

    def on_widget_connected(self, now: float) -> None:
        """Note that the widget has a (new) connection; it is dark."""
        self._connected_since = now
        self._shown = None
        self._order.on_widget_connected(now)

    def on_widget_disconnected(self) -> None:
        """Note that the widget lost its connection; it is dark."""
        self._connected_since = None
        self._shown = None

    def on_status_seen(self, status: ChargingStatus, now: float) -> Match:
        """Note what the widget shows from now on, and tell what reading it belongs to."""
        self._shown = status
        return self._order.on_status_seen(status, now)

    def verdict(self, now: float) -> Verdict:
        """Judge the light at this moment."""
        if self._connected_since is None or self._acknowledged is None:
            return Verdict.UNKNOWN
        right_until = max(self._connected_since, self._acknowledged_since)
        if self._shown is not None:
            if self._shown in self._called_for():
                return Verdict.RIGHT
            right_until = max(right_until, self._called_for_until.get(self._shown, right_until))
        return Verdict.WRONG if now - right_until > self._settle else Verdict.LATE

    def _called_for(self) -> set[ChargingStatus]:
        acknowledged = set() if self._acknowledged is None else {self._acknowledged}
        return acknowledged | set(self._unacknowledged)
