"""Choosing chargers at random. No I/O."""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate


def shares(counts: Sequence[int], most: int, rng: random.Random) -> dict[int, int]:
    """Return of which partition how many chargers to look at, ``most`` in all.

    Args:
        counts: How many chargers each partition has. Each of them is as likely as any other.
        most: If there are no more, all are looked at.
        rng: Where randomness comes from.
    """
    ends = list(accumulate(counts))
    total = ends[-1] if ends else 0
    chosen = range(total) if total <= most else rng.sample(range(total), most)
    return dict(Counter(bisect_right(ends, number) for number in chosen))
