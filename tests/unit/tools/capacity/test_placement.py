"""The busiest primary is the one that the hub's own names make so."""

import bisect
from collections import Counter
from functools import cache

import pytest
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from shared.contract.names import Names
from tools.capacity.coefficients import Coefficients
from tools.capacity.model import Load, needs, needs_of_any, redis_work
from tools.capacity.placement import busiest, fullest, shares

C = Coefficients.load()
EACH = 500_000
LOAD = Load(EACH, EACH, 10)


@cache
def slots_of_devices(partitions: int) -> tuple[Counter[int], Counter[int]]:
    """Count a million devices by the slots of their keys and channels."""
    names = Names(partitions)
    chargers = Counter(names.of_charger(f"c{number:06}").live for number in range(EACH))
    by_slot = Counter[int]()
    for key, count in chargers.items():
        by_slot[key_slot(key.encode())] += count
    widgets = (f"w{number:06}" for number in range(EACH))
    channels = (names.of_widget(widget).status_channel(widget) for widget in widgets)
    return by_slot, Counter(key_slot(channel.encode()) for channel in channels)


def by_primary(slots: Counter[int], nodes: int) -> Counter[int]:
    """Count by primary; each has a range of slots, as ``deploy/compose/join-cluster`` gives it."""
    first = [number * REDIS_CLUSTER_HASH_SLOTS // nodes for number in range(nodes)]
    found = Counter[int]()
    for slot, count in slots.items():
        found[bisect.bisect_right(first, slot) - 1] += count
    return found


@pytest.mark.parametrize("partitions", [64, 256, 1024])
@pytest.mark.parametrize("nodes", [3, 14, 64])
def test_the_busiest_is_that_of_a_million_devices(partitions: int, nodes: int) -> None:
    c = C.with_partitions(partitions)
    works = redis_work(LOAD, c, 79, 2, nodes).values()
    of_charger = sum(work.chargers for work in works) / EACH
    of_widget = sum(work.widgets for work in works) / EACH
    of_each = sum(work.each for work in works)
    chargers, widgets = (by_primary(slots, nodes) for slots in slots_of_devices(partitions))
    counted = max(
        chargers[node] * of_charger + widgets[node] * of_widget + of_each for node in range(nodes)
    )
    assert busiest(works, partitions, nodes) == pytest.approx(counted, rel=0.1)


def test_the_busiest_has_more_to_do_than_the_mean() -> None:
    # As it was counted for 64 primaries, in equal parts for chargers and widgets.
    found = [fullest(partitions, 64) * 64 for partitions in (64, 256, 1024)]
    assert found == pytest.approx([2.0, 1.6, 1.3], abs=0.05)


@pytest.mark.parametrize("nodes", [1, 7, 200])
def test_all_tags_are_somewhere(nodes: int) -> None:
    found = shares(64, nodes)
    assert len(found) == nodes
    assert sum(share.chargers for share in found) == pytest.approx(1)
    assert sum(share.widgets for share in found) == pytest.approx(1)


def test_the_work_of_all_primaries_is_that_of_the_parts() -> None:
    found = needs(LOAD, C)
    works = redis_work(LOAD, C, found.gateways, found.routers, found.redis_nodes).values()
    parts = shares(C.limits.partitions, found.redis_nodes)
    each = [sum(work.on(share) for work in works) for share in parts]
    assert sum(each) == pytest.approx(found.redis_cores)
    assert max(each) == found.redis_busiest


def test_a_large_hub_gets_more_partitions() -> None:
    loads = Load(500, 500, 10), Load(EACH, EACH, 10), Load(EACH, EACH, 1)
    assert [needs_of_any(load, C).partitions for load in loads] == [64, 256, 1024]


def test_a_hub_beyond_all_partitions_is_told() -> None:
    with pytest.raises(ValueError, match="two hubs"):
        needs_of_any(Load(20 * EACH, 20 * EACH, 0.2), C)
