"""Partitions are shared out alike by all routers, evenly, and move as little as can be."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.partitions import share_out

router_names = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12, unique=True)


@given(st.integers(1, 200), router_names)
def test_every_partition_has_an_owner_and_no_owner_too_many(
    partitions: int, routers: list[str]
) -> None:
    owners = share_out(partitions, routers)
    assert sorted(owners) == list(range(partitions))
    assert set(owners.values()) <= set(routers)
    assert max(Counter(owners.values()).values()) <= math.ceil(partitions / len(routers))


@given(st.integers(1, 64), router_names, st.randoms(use_true_random=False))
def test_all_routers_come_to_the_same_result_in_whatever_order_they_see_each_other(
    partitions: int, routers: list[str], rng: random.Random
) -> None:
    shuffled = list(routers)
    rng.shuffle(shuffled)
    assert share_out(partitions, shuffled) == share_out(partitions, routers)
    assert share_out(partitions, set(routers)) == share_out(partitions, routers)


def test_the_result_is_the_same_in_every_process_and_version() -> None:
    # During a rollout old and new routers must not disagree.
    owners = share_out(8, ["router-a", "router-b", "router-c"])
    assert "".join(owners[p][-1] for p in range(8)) == "cbbaccba"


def test_no_router_owns_nothing_one_everything_and_of_many_each_one_at_most() -> None:
    assert share_out(64, []) == {}
    assert set(share_out(64, ["only"]).values()) == {"only"}
    owners = share_out(4, [f"router-{number}" for number in range(10)])
    assert len(set(owners.values())) == 4


@pytest.mark.parametrize("routers", range(1, 9))
def test_few_partitions_move_when_a_router_joins_or_leaves(routers: int) -> None:
    moved, must_move = 0, 0
    for trial in range(20):
        names = [f"router-{trial}-{number}" for number in range(routers + 1)]
        more, less = share_out(64, names), share_out(64, names[:-1])
        moved += sum(more[p] != less[p] for p in range(64))
        must_move += Counter(more.values())[names[-1]]
    # Twice what the one that comes or goes must take along; sharing out anew by
    # number would move nearly all of them.
    assert moved <= 2 * must_move
