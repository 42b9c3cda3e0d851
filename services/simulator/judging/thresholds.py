"""From which state of charge on a phone has which charging status.

The simulator keeps its own copy of this rule on purpose: it judges the router,
so it must not ask the router's code what is right.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from shared.contract.device_protocol import ChargingStatus

DEFAULT: Final = "charging=0,charging80=80,charged=100"


class WrongThresholdsError(ValueError):
    """The text names no usable thresholds; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Ascending thresholds, the first at 0.

    Attributes:
        steps: Each charging status with the state of charge it starts at, in percent.
    """

    steps: tuple[tuple[ChargingStatus, float], ...]

    def call_for(self, state_of_charge: float) -> ChargingStatus:
        """Return the charging status a state of charge (in percent) calls for."""
        reached = [status for status, start in self.steps if state_of_charge >= start]
        return reached[-1]


def parse_thresholds(text: str) -> Thresholds:
    """Read thresholds written as ``charging=0,charging80=80,charged=100``.

    Raises:
        WrongThresholdsError: An unknown or repeated status, no number, not
            ascending, or the first one is not 0.
    """
    steps = tuple(_step(part) for part in text.split(","))
    statuses = [status for status, _ in steps]
    if len(set(statuses)) != len(statuses):
        raise WrongThresholdsError(f"{text!r} names a charging status twice")
    if steps[0][1] != 0:
        raise WrongThresholdsError(f"{text!r} must start at 0, so that every level has a status")
    if any(after <= before for (_, before), (_, after) in pairwise(steps)):
        raise WrongThresholdsError(f"{text!r} must be ascending")
    return Thresholds(steps)


def _step(part: str) -> tuple[ChargingStatus, float]:
    name, equals, start = part.strip().partition("=")
    try:
        level = float(start)
        status = ChargingStatus(name.strip())
    except ValueError:
        level, status = -1.0, ChargingStatus.CHARGING
    if not equals or not 0 <= level <= 100:  # noqa: PLR2004 - percent
        known = ", ".join(ChargingStatus)
        raise WrongThresholdsError(
            f"{part.strip()!r} is not a threshold: write STATUS=PERCENT, "
            f"with a status of {known} and a percentage from 0 to 100"
        )
    return status, level
