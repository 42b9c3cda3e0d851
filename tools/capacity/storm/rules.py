"""How long a device waits before it connects again: the firmware's rule, and others to compare.

The firmware's rule is `services.simulator.devices.reconnect.Pace` without its state: a million
devices have no room for an object each. A test compares the two.
"""

from collections.abc import Callable, Mapping
from typing import Final

Delay = Callable[[int, float], float]
"""Seconds to wait, from the number of failures since the last good connection and a random
number from 0 to 1."""

_FIRST: Final = 0.1
_CEILING: Final = 5.0
_MOST_DOUBLINGS: Final = 16


def _bound(failures: int, first: float, ceiling: float) -> float:
    # Beyond some doublings only the ceiling counts, and the power would overflow.
    return float(min(first * 2 ** min(failures, _MOST_DOUBLINGS), ceiling))


def firmware(failures: int, chance: float) -> float:
    """Full jitter below a bound that doubles from 0.1 s to 5 s: what the protocol asks for."""
    return chance * _bound(failures, _FIRST, _CEILING)


def spread(failures: int, chance: float) -> float:
    """Up to 20 s after a connection was lost, then the firmware's rule."""
    return 20.0 * chance if failures == 0 else firmware(failures, chance)


RULES: Final[Mapping[str, Delay]] = {
    "firmware": firmware,
    # The same bound, and each device waits exactly that long.
    "without-jitter": lambda failures, _: _bound(failures, _FIRST, _CEILING),
    # What a simple loop does.
    "every-second": lambda *_: 1.0,
    # Up to 0.1 s, however often it failed.
    "at-once": lambda _, chance: chance * _FIRST,
    # Full jitter below a bound that doubles from 1 s to 30 s.
    "patient": lambda failures, chance: chance * _bound(failures, 1.0, 30.0),
    "spread": spread,
}
