"""Chargers that must say their level again: it is not certain whose phone it was.

A reading that came since the pairing began but before its mark may be the last visitor's. It
lights nothing. If its charger says nothing more, it is asked: OCPP has a question for that; else
the connection is closed with 1001, as a device says its level whenever it connects. A charger
without such a reading is never asked; an empty one would repeat the last visitor's level.
"""

from dataclasses import dataclass
from typing import Final

from services.gateway import metrics
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext

_READING_SECONDS: Final = 2.0
"""How long to wait for a marked reading."""
_PONG_SECONDS: Final = 3.0
"""How long to wait while the pong has not come."""
_MOST_PER_TICK: Final = 10
"""At each tick of the wheel: 200 a second."""


@dataclass(eq=False, repr=False)
class UncertainReadings:
    """The chargers whose last reading is uncertain, since when, the longest first."""

    context: ConnectionContext
    due: int = 0

    def __post_init__(self) -> None:
        self._since: dict[ChargerConnection, float] = {}

    def add(self, charger: ChargerConnection) -> None:
        """Ask a charger soon, unless it says its level by itself."""
        self.discard(charger)  # to the end
        self._since[charger] = now = self.context.clock()
        if len(self._since) == 1:
            self.context.pauses.schedule(self, now + _READING_SECONDS)

    def discard(self, charger: ChargerConnection) -> None:
        """Forget a connection that ends."""
        self._since.pop(charger, None)

    def on_timer(self, now: float) -> float | None:
        """Ask those that have been silent for too long, a few at a time."""
        next_at = None
        settled: list[ChargerConnection] = []
        asked: list[ChargerConnection] = []
        for charger, since in self._since.items():
            if since + _READING_SECONDS > now:
                next_at = next_at or since + _READING_SECONDS
                break
            if not charger.is_uncertain or charger.superseded:
                settled.append(charger)
            elif charger.marks.is_awaited and since + _PONG_SECONDS > now:
                next_at = now  # the next tick
            elif len(asked) == _MOST_PER_TICK:
                next_at = now  # the next tick
                break
            else:
                asked.append(charger)
        for charger in (*settled, *asked):
            self.discard(charger)
        for charger in asked:
            metrics.ASKED_AGAIN.inc()
            charger.ask_again()
        return next_at
