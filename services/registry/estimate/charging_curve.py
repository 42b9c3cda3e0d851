"""The curves by which phones charge: constant current, then constant voltage. No I/O.

A lithium-ion battery is charged with a constant current until its voltage reaches the limit, at
the level that is called the taper here. From there on the voltage is kept, and the current falls
exponentially, until it is a small share of what it was: then the battery counts as full.
https://batteryuniversity.com/article/bu-409-charging-lithium-ion
https://www.ti.com/document-viewer/BQ25150/datasheet (the CC and the CV loop)

Nobody tells the hub a phone's taper or share. So there is a family of curves, and the readings
say which of them a phone may follow.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

FULL: Final = 100
TAPERS: Final = (70.0, 77.0, 84.0)
"""In percent: where the current begins to fall. A stronger charger meets the limit earlier."""
CUT_OFFS: Final = (0.06, 0.12)
"""The share of the first current at which a battery counts as full."""


class Curve(NamedTuple):
    """How long charging takes, whatever the phone and the charger.

    Attributes:
        effort: By level in whole percent: how long it takes from 0 % to there. The unit is what
            one percent takes before the taper.
    """

    effort: Sequence[float]

    def between(self, start: int, end: int) -> float:
        """Return how long it takes from one level to another."""
        return self.effort[end] - self.effort[start]


def curve(taper: float, cut_off: float) -> Curve:
    """Return the curve with a taper in percent, and a share of the current at the end.

    Beyond the taper the current is proportional to what is missing to a level that lies above
    100 %, since there is still a current at 100 %.
    """
    asymptote = (FULL - cut_off * taper) / (1 - cut_off)
    span = asymptote - taper

    def effort(level: int) -> float:
        if level <= taper:
            return level
        return taper + span * math.log(span / (asymptote - level))

    return Curve([effort(level) for level in range(FULL + 1)])


FAMILY: Final = tuple(curve(taper, cut_off) for taper in TAPERS for cut_off in CUT_OFFS)
USUAL: Final = curve(77.0, 0.09)
"""One in the middle."""
