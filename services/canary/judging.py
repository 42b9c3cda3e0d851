"""What became of a reading of the canary: the rule. No I/O.

There is one reading at a time, and each calls for another light than the one before it. So the
first frame with the light that is waited for is the one of this reading.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.contract.device_protocol import ChargingStatus

RIGHT_SECONDS: Final = 1.0
"""The objective: so soon a reading lights its widget."""
PROMISED_SECONDS: Final = 5.0
"""The promise: so long after a reading was acknowledged its light is there, whatever happened."""


class Outcome(StrEnum):
    """What became of a reading: a closed set."""

    RIGHT = "right"
    """Its light came within `RIGHT_SECONDS`."""
    LATE = "late"
    """Its light came later."""
    WRONG = "wrong"
    """The reading was acknowledged `PROMISED_SECONDS` ago and the widget shows another light; or
    it showed the right one, and then another."""
    DARK = "dark"
    """The reading was not acknowledged in that time, or the widget shows nothing."""


@dataclass(slots=True)
class _Reading:
    light: ChargingStatus
    """That it calls for."""
    began_at: float
    sent_at: float | None = None
    """None: the charger has had no connection since."""
    acknowledged_at: float | None = None
    lit_at: float | None = None


class Judge:
    """Follows one reading after the other. All times are of one clock, in seconds."""

    def __init__(self) -> None:
        self.shown: ChargingStatus | None = None
        """What the widget shows; None: it is dark."""
        self._reading: _Reading | None = None

    def begin(self, light: ChargingStatus, now: float) -> None:
        """A reading is about to be sent that calls for this light."""
        self._reading = _Reading(light, now)

    def on_sent(self, now: float) -> None:
        """The reading was sent, for the first time or again."""
        if self._reading is not None and self._reading.sent_at is None:
            self._reading.sent_at = now

    def on_acknowledged(self, now: float) -> None:
        """The hub has stored the reading."""
        if self._reading is not None and self._reading.acknowledged_at is None:
            self._reading.acknowledged_at = now

    def on_lit(self, light: ChargingStatus, now: float) -> bool:
        """The widget was told a light; return whether that is a wrong one for sure.

        Another light is only for sure wrong after the right one: no older status may replace it.
        """
        self.shown = light
        reading = self._reading
        if reading is None:
            return False
        if light is not reading.light:
            return reading.lit_at is not None
        if reading.lit_at is None and reading.sent_at is not None:
            reading.lit_at = now
        return False

    def on_widget_lost(self) -> None:
        """The widget has no connection, so it is dark."""
        self.shown = None

    @property
    def seconds(self) -> float | None:
        """From sending the reading to its light; None: there is none yet."""
        reading = self._reading
        if reading is None or reading.lit_at is None or reading.sent_at is None:
            return None
        return reading.lit_at - reading.sent_at

    def outcome(self, now: float) -> Outcome | None:
        """Return what became of the reading; None: wait."""
        reading = self._reading
        if reading is None:
            return None
        if (seconds := self.seconds) is not None:
            return Outcome.RIGHT if seconds <= RIGHT_SECONDS else Outcome.LATE
        if reading.acknowledged_at is None:
            return Outcome.DARK if now - reading.began_at >= PROMISED_SECONDS else None
        if now - reading.acknowledged_at < PROMISED_SECONDS:
            return None
        return Outcome.DARK if self.shown is None else Outcome.WRONG
