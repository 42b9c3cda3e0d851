"""The search for the highest rate that works."""

from collections import Counter

import pytest

from tests.benchmarks.search import highest_rate


def limited(limit: float) -> tuple[list[float], object]:
    """Return the rates tried, and what tries them: the rate itself if it works, else 0."""
    tried: list[float] = []

    async def attempt(rate: float) -> float:
        tried.append(rate)
        return rate if rate <= limit else 0.0

    return tried, attempt


@pytest.mark.parametrize("limit", [90.0, 100.0, 150.0, 1_000.0, 54_321.0])
async def test_it_finds_the_limit_to_a_few_percent_from_below(limit: float) -> None:
    _, attempt = limited(limit)
    rate, outcome, beyond = await highest_rate(attempt, bool, first=100.0)  # type: ignore[arg-type]
    assert limit / 1.06 <= rate <= limit
    assert (outcome, beyond) == (rate, 0.0)


async def test_a_rate_that_fails_is_tried_twice_more() -> None:
    tried: Counter[float] = Counter()

    async def attempt(rate: float) -> float:
        tried[rate] += 1
        if tried[rate] < 3:
            return 0.0
        return rate if rate <= 500 else 0.0

    rate, _, _ = await highest_rate(attempt, bool, first=100.0)
    assert 500 / 1.06 <= rate <= 500
    assert set(tried.values()) == {3}


async def test_it_gives_up_when_nothing_works() -> None:
    tried, attempt = limited(0.0)
    with pytest.raises(RuntimeError, match="nothing works"):
        await highest_rate(attempt, bool, first=100.0)  # type: ignore[arg-type]
    assert min(tried) < 5
