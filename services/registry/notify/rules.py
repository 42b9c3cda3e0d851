"""When a delivery is tried again, and when it is given up. No I/O."""

import random
from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 900.0
"""Bounds of the delay after the first failed attempt, and after many."""
GIVE_UP_SECONDS: Final = 24 * 3600.0
"""A delivery that fails so long after it was queued is not tried again."""


def delay_after(attempts: int, age: float, rng: random.Random) -> float | None:
    """Return in how many seconds to try again; None: give up.

    A part of the bound is drawn, so that what failed together does not come back together; at
    least a half of it, so that delays grow.

    Args:
        attempts: How many there were, this one included: 1 or more.
        age: How long ago it was queued, in seconds.
        rng: Source of randomness.
    """
    if age >= GIVE_UP_SECONDS:
        return None
    # No more than 20 doublings: the bound is long reached, and 2.0**1100 is no number.
    bound = min(FIRST_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_SECONDS)
    return rng.uniform(bound / 2, bound)
