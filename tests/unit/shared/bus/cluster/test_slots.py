"""Hash slots, and what servers say about them."""

import pytest

from shared.bus.cluster.slots import SLOTS, Address, Redirection, Topology, slot_of
from shared.contract.names import Names

A, B, C = Address("10.0.0.1", 7000), Address("10.0.0.2", 7001), Address("10.0.0.3", 7002)


def said(*ranges: tuple[int, int, Address]) -> list[object]:
    """CLUSTER SLOTS as Redis answers it."""
    return [
        [first, last, [owner.host.encode(), owner.port, b"id", []]] for first, last, owner in ranges
    ]


def test_a_slot_is_what_the_cluster_specification_says() -> None:
    assert slot_of("123456789") == 0x31C3 % SLOTS
    assert slot_of("foo") == 12182
    assert slot_of("") == 0


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("{user1000}.following", "user1000"),
        ("foo{{bar}}zap", "{bar"),
        ("foo{bar}{zap}", "bar"),
        ("foo{bar", "foo{bar"),
    ],
)
def test_of_a_name_with_a_tag_only_the_tag_counts(name: str, hashed: str) -> None:
    assert slot_of(name) == slot_of(hashed)


def test_an_empty_tag_is_none() -> None:
    assert slot_of("foo{}{bar}") == 8363


def test_all_that_belongs_to_a_partition_has_one_slot() -> None:
    tag = Names(64).widgets[5]
    names = (tag.directory, tag.statuses, tag.directory_changes, tag.status_channel("wABCD"))
    assert len({slot_of(name) for name in names}) == 1


def test_a_topology_is_read_with_its_replicas() -> None:
    replica = [b"10.0.0.9", 7009, b"id", []]
    ranges = said((0, 99, A), (100, SLOTS - 1, B))
    assert isinstance(ranges[0], list)
    found = Topology.read([[*ranges[0], replica], ranges[1]], A)
    assert (found.owners[0], found.owners[99], found.owners[100]) == (A, A, B)
    assert found.masters == {A, B}
    assert found.servers == {A, B, Address("10.0.0.9", 7009)}


@pytest.mark.parametrize("host", [b"", None])
def test_a_server_that_does_not_know_its_own_address_is_where_it_was_asked(
    host: bytes | None,
) -> None:
    found = Topology.read([[0, 5, [host, 7000, b"id", []]]], C)
    assert found.owners[5] == Address("10.0.0.3", 7000)
    assert found.owners[6] is None


def test_who_lost_slots_is_told_by_comparing() -> None:
    before = Topology.read(said((0, 99, A), (100, SLOTS - 1, B)), A)
    assert before.lost_by(before) == set()
    assert before.lost_by(before.with_owner(7, C)) == {A}
    assert before.with_owner(7, C).masters == {A, B, C}
    after = Topology.read(said((0, SLOTS - 1, C)), C)
    assert before.lost_by(after) == {A, B}


def test_there_is_a_tag_on_each_master() -> None:
    found = Topology.read(said((0, 99, A), (100, SLOTS - 1, B)), A)
    for master in (A, B):
        assert found.owners[slot_of(found.tag_on(master))] == master


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            "MOVED 3999 127.0.0.1:6381",
            Redirection(3999, Address("127.0.0.1", 6381), is_for_good=True),
        ),
        ("ASK 3999 redis-2:6381", Redirection(3999, Address("redis-2", 6381), is_for_good=False)),
        ("MOVED 7 :7001", Redirection(7, Address("10.0.0.1", 7001), is_for_good=True)),
        ("MOVED 7 fe80::1:7001", Redirection(7, Address("fe80::1", 7001), is_for_good=True)),
        ("TRYAGAIN Multiple keys request during rehashing of slot", None),
        ("CLUSTERDOWN Hash slot not served", None),
    ],
)
def test_a_redirection_is_read(error: str, expected: Redirection | None) -> None:
    assert Redirection.read(error, A) == expected
