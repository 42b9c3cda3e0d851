"""A phone being charged: its level rises, rests at full, then the next phone comes."""

from collections.abc import Callable
from dataclasses import dataclass

from services.simulator.devices.levels import HIGHEST


@dataclass(slots=True)
class Phone:
    """The phone in one charger, and those after it.

    Attributes:
        level: State of charge now, in percent.
        step: What one step of charging adds, in percent.
        rest: How many steps a full phone stays before the next one comes.
        arrive: Gives the level of each next phone, in percent.
    """

    level: float
    step: float
    rest: int
    arrive: Callable[[], float]
    _rested: int = 0

    def charge(self) -> None:
        """Go one step on: charge, rest when full, or hand over to the next phone."""
        if self.level < HIGHEST:
            self.level = min(HIGHEST, round(self.level + self.step, 1))
        elif self._rested < self.rest:
            self._rested += 1
        else:
            self._rested = 0
            self.level = self.arrive()


def empty_phone() -> float:
    """Return the level of a phone that arrives empty."""
    return 0.0
