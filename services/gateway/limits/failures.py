"""How long the refusal of a wrong secret takes: longer with each one for the same id.

A right secret is looked at first, and is never slowed. Registered or not is not asked here, so
the time tells nothing. Without I/O, in bounded memory.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_AT_ONCE: Final = 3
"""So many are refused at once: a person who tries out a secret waits for nothing."""
_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 4.0
_FORGET_SECONDS: Final = 60.0
_MOST_IDS: Final = 10_000
"""Ids that are remembered; the one that failed least lately is forgotten."""


class _Failed(NamedTuple):
    times: int
    at: float


@dataclass(eq=False, repr=False)
class Failures:
    """The failures of each id of one kind, within the last minute of failures."""

    clock: Callable[[], float]
    """In seconds; it only moves forward."""
    _failed: dict[str, _Failed] = field(default_factory=dict)
    """The id that failed least lately first."""

    def delay(self, device_id: str) -> float:
        """Count a failure; return after how many seconds it may be answered."""
        failed, now = self._failed, self.clock()
        times, at = failed.pop(device_id, _Failed(0, now))
        times = 1 if now - at > _FORGET_SECONDS else times + 1
        failed[device_id] = _Failed(times, now)
        if len(failed) > _MOST_IDS:
            del failed[next(iter(failed))]
        if times <= _AT_ONCE:
            return 0.0
        doublings = min(times - _AT_ONCE - 1, 10)  # a float overflows at 2**1024
        return min(_FIRST_SECONDS * (1 << doublings), _LONGEST_SECONDS)
