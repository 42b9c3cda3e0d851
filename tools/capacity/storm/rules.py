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


def without_jitter(failures: int, chance: float) -> float:  # noqa: ARG001 - on purpose
    """The same bound, and each device waits exactly that long."""
    return _bound(failures, _FIRST, _CEILING)


def every_second(failures: int, chance: float) -> float:  # noqa: ARG001 - on purpose
    """A second, always: what a simple loop does."""
    return 1.0


def at_once(failures: int, chance: float) -> float:  # noqa: ARG001 - on purpose
    """Up to 0.1 s, however often it failed."""
    return chance * _FIRST


def patient(failures: int, chance: float) -> float:
    """Full jitter below a bound that doubles from 1 s to 30 s."""
    return chance * _bound(failures, 1.0, 30.0)


def spread(failures: int, chance: float) -> float:
    """Up to 20 s after a connection was lost, then the firmware's rule."""
    return 20.0 * chance if failures == 0 else firmware(failures, chance)


RULES: Final[Mapping[str, Delay]] = {
    "firmware": firmware,
    "without-jitter": without_jitter,
    "every-second": every_second,
    "at-once": at_once,
    "patient": patient,
    "spread": spread,
}
