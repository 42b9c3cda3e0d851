"""One of each address after the other, in bounded memory."""

from collections.abc import Iterable

import pytest

from shared.process.entrance.fair_queue import FairQueue


def queue_of(items: Iterable[str], most: int = 100) -> FairQueue[str]:
    """Return a queue of items whose first letter is their address."""
    queue = FairQueue[str](most)
    for item in items:
        queue.add(item[0], item)
    return queue


def all_of(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


def test_each_address_has_its_turn_and_its_own_order() -> None:
    queue = queue_of(["a1", "a2", "a3", "b1", "c1", "b2"])
    assert all_of(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_newcomer_waits_for_one_of_each_address_at_most() -> None:
    queue = queue_of(f"{address}{number}" for address in "abcde" for number in range(20))
    queue.add("n", "newcomer")
    assert all_of(queue).index("newcomer") == 5


def test_an_address_that_came_back_is_the_last() -> None:
    queue = queue_of(["a1", "b1"])
    assert queue.pop() == "a1"
    queue.add("a", "a2")
    assert all_of(queue) == ["b1", "a2"]


def test_when_it_is_full_others_still_have_room() -> None:
    queue = queue_of((f"a{number}" for number in range(1000)), most=10)
    assert len(queue) == 10
    assert queue.add("b", "b1")
    assert not queue.add("a", "a again")
    for number in range(1000):
        queue.add(f"address {number}", "x")
    assert len(queue) <= 2 * 10 + 1


def test_nothing_is_kept_of_what_was_taken() -> None:
    queue = queue_of(["a1", "b1", "b2"])
    all_of(queue)
    assert not queue._waiting
    with pytest.raises(KeyError):
        queue.pop()
