"""Looking for the highest rate at which something still works."""

import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

Outcome = TypeVar("Outcome")

_STEP: Final = 1.5
_CLOSE_ENOUGH: Final = 1.06
_LOWEST_SHARE: Final = 0.02
_TRIES: Final = 3


async def highest_rate(
    attempt: Callable[[float], Awaitable[Outcome]],
    works: Callable[[Outcome], bool],
    first: float,
) -> tuple[float, Outcome, Outcome]:
    """Look for the highest rate that works: in steps of a half, then by halving the gap.

    A rate that does not work is tried twice more: a machine that was busy for a moment must
    not end the search.

    Returns:
        The rate, what came of it, and what came of the lowest rate that did not work.

    Raises:
        RuntimeError: Nothing works, not even a fiftieth of the first rate.
    """

    async def tried(rate: float) -> Outcome:
        for _ in range(_TRIES):
            outcome = await attempt(rate)
            if works(outcome):
                break
        return outcome

    rate = first
    while not works(outcome := await tried(rate)):
        rate /= _STEP
        if rate < first * _LOWEST_SHARE:
            raise RuntimeError(f"nothing works, not even {rate:.0f} per second: {outcome}")
    while works(beyond := await tried(rate * _STEP)):
        rate, outcome = rate * _STEP, beyond
    above = rate * _STEP
    while above > rate * _CLOSE_ENOUGH:
        between = math.sqrt(above * rate)
        found = await tried(between)
        if works(found):
            rate, outcome = between, found
        else:
            above, beyond = between, found
    return rate, outcome, beyond
