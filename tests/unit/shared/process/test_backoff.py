"""Retries wait longer and longer, up to a bound, and start over once something worked."""

import random

from hypothesis import given
from hypothesis import strategies as st

from shared.process.backoff import Backoff
from tests.unit.shared.no_delay import LongestDelay


def test_the_bound_doubles_up_to_the_ceiling() -> None:
    backoff = Backoff(0.1, 1.0, LongestDelay())
    assert [backoff.delay() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_success_starts_over() -> None:
    backoff = Backoff(0.1, 1.0, LongestDelay())
    for _ in range(5):
        backoff.delay()
    backoff.reset()
    assert [backoff.delay() for _ in range(2)] == [0.1, 0.2]


@given(st.integers(), st.floats(0.001, 1), st.floats(1, 60))
def test_a_delay_is_drawn_from_all_of_its_range(seed: int, first: float, ceiling: float) -> None:
    backoff = Backoff(first, ceiling, random.Random(seed))
    bound = first
    for _ in range(20):
        assert 0 <= backoff.delay() <= bound
        bound = min(bound * 2, ceiling)


def test_retries_of_many_spread() -> None:
    rng = random.Random(7)
    delays = sorted(Backoff(1.0, 8.0, rng).delay() for _ in range(1000))
    assert delays[100] < 0.2
    assert delays[900] > 0.8


def test_the_same_seed_gives_the_same_delays() -> None:
    one, other = (Backoff(0.1, 5.0, random.Random(3)) for _ in range(2))
    assert [one.delay() for _ in range(9)] == [other.delay() for _ in range(9)]
