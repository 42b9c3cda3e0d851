"""Batches: grouped by slot, none too large, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.batches import ITEMS_PER_CALL, ITEMS_PER_EXCHANGE, by_slot, exchanges


@given(st.lists(st.integers(0, 5000), max_size=3000))
def test_every_item_is_in_one_batch_of_its_slot_in_its_order(items: list[int]) -> None:
    batches = by_slot(items, lambda item: item % 3)
    assert all(0 < len(batch) <= ITEMS_PER_CALL for _, batch in batches)
    for slot in range(3):
        members = [item for other, batch in batches if other == slot for item in batch]
        assert members == [item for item in items if item % 3 == slot]
    assert {slot for slot, _ in batches} == {item % 3 for item in items}


def test_batches_go_together_as_far_as_one_exchange_goes() -> None:
    most = ITEMS_PER_EXCHANGE
    sizes = [most - 1, 1, 1, most, most + 1, 2, 3]
    together = list(exchanges(sizes, lambda size: size))
    assert together == [[most - 1, 1], [1], [most], [most + 1], [2, 3]]
    assert list(exchanges([], len)) == []
