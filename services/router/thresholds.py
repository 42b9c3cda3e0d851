"""Which status a state of charge stands for: the rule the product exists for. No I/O."""

import itertools
from bisect import bisect_right
from typing import Final, Self

from shared.contract.device_protocol import ChargingStatus

EMPTY: Final = 0.0
FULL: Final = 100.0


class Thresholds:
    """From which state of charge on which status is shown.

    Args:
        steps: Status and the state of charge (percent) it starts at, ascending;
            the first at 0.

    Raises:
        ValueError: The steps leave a state of charge without a status, or with two.
    """

    def __init__(self, steps: list[tuple[ChargingStatus, float]]) -> None:
        levels = [level for _, level in steps]
        if not steps or levels[0] != EMPTY:
            raise ValueError("the first status must start at 0")
        if not all(low < high for low, high in itertools.pairwise(levels)):
            raise ValueError("the levels must ascend")
        if levels[-1] > FULL:
            raise ValueError("no level may exceed 100")
        if len({status for status, _ in steps}) != len(steps):
            raise ValueError("no status may occur twice")
        self._levels = levels
        self._statuses = [status for status, _ in steps]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read thresholds such as ``charging=0,charging80=80,charged=100``.

        Raises:
            ValueError: The text has another form, or the steps are not allowed.
        """
        steps: list[tuple[ChargingStatus, float]] = []
        for part in text.split(","):
            name, equals, level = part.strip().partition("=")
            allowed = ", ".join(ChargingStatus)
            if not equals or name not in set(ChargingStatus):
                raise ValueError(f"expected status=level pairs with a status of {allowed}")
            try:
                # + 0.0 makes -0.0 a 0.0: both must look alike.
                steps.append((ChargingStatus(name), float(level) + 0.0))
            except ValueError:
                raise ValueError(f"expected a number after {name}=") from None
        return cls(steps)

    def status_of(self, state_of_charge: float) -> ChargingStatus:
        """Return the status to show at a state of charge (percent, 0 to 100)."""
        return self._statuses[bisect_right(self._levels, state_of_charge) - 1]

    def __str__(self) -> str:
        pairs = zip(self._statuses, self._levels, strict=True)
        return ",".join(f"{status}={_shortest(level)}" for status, level in pairs)


def _shortest(level: float) -> str:
    """Return a level as text, with all its digits: routers compare this text."""
    return repr(level).removesuffix(".0")
