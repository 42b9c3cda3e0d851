"""When a delivery is tried again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.notify.rules import (
    FIRST_SECONDS,
    GIVE_UP_SECONDS,
    LONGEST_SECONDS,
    delay_after,
)


@given(st.integers(1, 100_000), st.floats(0, GIVE_UP_SECONDS - 1), st.integers())
def test_a_delay_is_at_least_half_of_its_bound_and_at_most_a_quarter_of_an_hour(
    attempts: int, age: float, seed: int
) -> None:
    delay = delay_after(attempts, age, random.Random(seed))
    assert delay is not None
    assert FIRST_SECONDS / 2 <= delay <= LONGEST_SECONDS
    if attempts > 10:
        assert delay >= LONGEST_SECONDS / 2


def test_each_delay_is_no_shorter_than_the_one_before_until_the_longest() -> None:
    rng = random.Random(7)
    delays = [delay_after(attempts, 0, rng) or 0.0 for attempts in range(1, 11)]
    assert delays == sorted(delays)


def test_what_failed_together_is_not_tried_together() -> None:
    rng = random.Random(7)
    assert len({delay_after(5, 0, rng) for _ in range(100)}) == 100


@pytest.mark.parametrize("attempts", [1, 100])
def test_after_a_day_it_is_given_up_and_not_before(attempts: int) -> None:
    rng = random.Random(7)
    assert delay_after(attempts, GIVE_UP_SECONDS, rng) is None
    assert delay_after(attempts, GIVE_UP_SECONDS - 0.001, rng) is not None


def test_a_receiver_that_is_away_for_a_day_is_asked_some_hundred_times() -> None:
    rng = random.Random(7)
    age, attempts = 0.0, 1
    while (delay := delay_after(attempts, age, rng)) is not None:
        age += delay
        attempts += 1
    assert 96 <= attempts <= 220
