"""Batches on a cluster: each call to where its keys are, and again where that changes."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ResponseError

from shared.bus import server as server_module
from shared.bus.bus import BusUnavailableError
from shared.bus.cluster import cluster_bus as module
from shared.bus.cluster import servers as cluster_module
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.slots import SLOTS, Address, slot_of
from shared.bus.refusals.refusal import RefusedError
from shared.bus.script import Call, Script
from tests.unit.shared.bus.cluster.fake_cluster import A, B, FakeCluster

C = Address("c", 3)
ON_A, ALSO_ON_A, ON_B = "{bar}", "{zap}", "{foo}"
SCRIPT = Script("ring", "PUBLISH", "sha", Script("ring", "SPUBLISH", "sharded-sha"))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    cluster = FakeCluster()
    for each in (server_module, cluster_module):
        monkeypatch.setattr(each, "RedisConnection", cluster.connection)
    return cluster


@pytest.fixture
def bus(cluster: FakeCluster) -> ClusterBus:
    assert [cluster.owners[slot_of(key)] for key in (ON_A, ALSO_ON_A, ON_B)] == [A, A, B]
    return ClusterBus("redis://a:1,b:2", "test")


@pytest.fixture
def told(bus: ClusterBus) -> list[str]:
    """What is told of regained connections."""
    told: list[str] = []
    bus.on_reconnected(lambda: told.append("regained"))
    return told


def call(key: str, *arguments: Any) -> Call:
    return Call(SCRIPT, (key,), list(arguments))


def keys_asked(cluster: FakeCluster, at: Address) -> list[Any]:
    return [words[3] for words in cluster.asked_of(at) if words[0] == "EVALSHA"]


async def test_each_call_goes_to_where_its_keys_are_and_replies_keep_their_order(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    cluster.answer = lambda at, words: f"{at.host} {words[3]}"
    keys = (ON_B, ON_A, ON_B, ALSO_ON_A)
    replies = await bus.run([call(key) for key in keys])
    assert replies == ["b {foo}", "a {bar}", "b {foo}", "a {zap}"]
    assert keys_asked(cluster, A) == [ON_A, ALSO_ON_A]
    assert bus.connected


async def test_scripts_are_those_that_publish_to_shards(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    await bus.run([call(ON_A, "argument")])
    assert cluster.asked_of(A) == [("EVALSHA", "sharded-sha", "1", ON_A, "argument")]


async def test_a_script_that_one_server_does_not_know_is_loaded_there(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    known: set[Address] = set()

    def answer(at: Address, words: Any) -> Any:
        if words[:2] == ["SCRIPT", "LOAD"]:
            assert words[2] == "SPUBLISH"
            known.add(at)
        return "done" if at in known else "-NOSCRIPT No matching script."

    cluster.answer = answer
    assert await bus.run([call(ON_A), call(ON_B)]) == ["done", "done"]


async def test_of_plain_commands_each_goes_to_its_key_and_one_without_goes_along(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    await bus.commands([("TIME",), ("GET", ON_B), ("GET", ON_A)])
    assert cluster.asked_of(A) == [("GET", ON_A)]
    assert cluster.asked_of(B) == [("TIME",), ("GET", ON_B)]


async def test_publishing_is_sharded(bus: ClusterBus, cluster: FakeCluster) -> None:
    await bus.command("PUBLISH", ON_B, "news")
    assert cluster.asked_of(B) == [("SPUBLISH", ON_B, "news")]


async def test_every_server_is_asked_what_concerns_all(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    cluster.answer = lambda at, _: at.host
    assert await bus.on_each_server("INFO", "memory") == ["a", "b"]


async def test_times_are_those_of_the_servers_of_the_keys(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    cluster.answer = lambda at, _: [b"1" if at == A else b"2", b"5"]
    assert await bus.times_of([ON_B, ON_A, ON_B]) == [2_000_005, 1_000_005, 2_000_005]
    assert bus.server_of(ON_A) == bus.server_of(ALSO_ON_A) != bus.server_of(ON_B)


async def test_a_tag_is_known_on_each_server(bus: ClusterBus, cluster: FakeCluster) -> None:
    assert bus.tags() == []
    await bus.run([call(ON_A)])
    assert [cluster.owners[slot_of(tag)] for tag in bus.tags()] == [A, B]


async def test_a_call_to_a_slot_that_has_moved_is_repeated_where_it_is(
    bus: ClusterBus, cluster: FakeCluster, told: list[str]
) -> None:
    await bus.run([call(ON_A)])
    slot = slot_of(ON_A)
    cluster.owners[slot] = B
    cluster.answer = lambda at, words: (
        f"-MOVED {slot} b:2" if at == A and words[3] == ON_A else at.host
    )
    assert await bus.run([call(ON_A), call(ALSO_ON_A)]) == ["b", "a"]
    cluster.asked.clear()
    assert await bus.run([call(ON_A)]) == ["b"]
    assert not cluster.asked_of(A), "it is remembered"
    assert told == [], "slots that move one by one are told of together, a little later"
    await bus.close()


async def test_who_lost_a_slot_and_is_still_a_master_lost_nothing_so_news_of_it_can_wait(
    bus: ClusterBus, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NOTIFY_SECONDS", 0.02)
    told = asyncio.Event()
    bus.on_reconnected(told.set)
    await bus.run([call(ON_A)])
    cluster.owners[slot_of(ON_A)] = B
    cluster.answer = lambda at, _: f"-MOVED {slot_of(ON_A)} b:2" if at == A else "b"
    await bus.run([call(ON_A)])
    assert not told.is_set()
    async with asyncio.timeout(30):
        await told.wait()


async def test_when_a_replica_took_over_it_is_told_at_once(
    bus: ClusterBus, cluster: FakeCluster, told: list[str]
) -> None:
    await bus.run([call(ON_A)])
    cluster.owners = [C if owner == A else owner for owner in cluster.owners]
    # The former master lives on as a replica, and sends everybody away.
    cluster.answer = lambda at, words: f"-MOVED {slot_of(words[3])} c:3" if at == A else at.host
    assert await bus.run([call(ON_A), call(ON_B)]) == ["c", "b"]
    assert told == ["regained"]


async def test_what_is_half_moved_is_asked_for_at_the_other_end(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    asking: list[Any] = []

    def answer(at: Address, words: Any) -> Any:
        if at == A and words[3] == ON_A:
            return f"-ASK {slot_of(ON_A)} b:2"
        asking.append(words[0])
        return at.host

    cluster.answer = answer
    assert await bus.run([call(ON_A), call(ON_B), call(ALSO_ON_A)]) == ["b", "b", "a"]
    assert asking == ["EVALSHA", "EVALSHA", "ASKING", "EVALSHA"]
    assert bus.server_of(ON_A) == A, "it has not moved yet"


async def test_a_slot_on_its_way_is_waited_for(bus: ClusterBus, cluster: FakeCluster) -> None:
    refusals = iter(["-TRYAGAIN Multiple keys request during rehashing of slot"] * 3)
    cluster.answer = lambda at, _: next(refusals, at.host)
    assert await bus.run([call(ON_A)]) == ["a"]


@pytest.mark.parametrize(
    "error",
    ["TRYAGAIN Multiple keys request", "CLUSTERDOWN Hash slot not served", "NOSCRIPT No matching"],
)
async def test_but_not_for_ever(
    bus: ClusterBus, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    cluster.answer = lambda at, words: (
        f"-{error}" if words[0] == "EVALSHA" and words[3] == ON_A else at.host
    )
    with pytest.raises(BusUnavailableError, match=error):
        await bus.run([call(ON_A), call(ON_B)])
    assert keys_asked(cluster, B) == [ON_B], "what went to the others was done, once"


async def test_a_script_that_fails_is_tried_again_later(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    cluster.answer = lambda _, words: "-ERR oops" if words[3] == ON_A else "fine"
    with pytest.raises(BusUnavailableError, match="ring: ERR oops"):
        await bus.run([call(ON_A), call(ON_B)])
    replies = await bus.run([call(ON_A), call(ON_B)], return_errors=True)
    assert isinstance(replies[0], ResponseError)
    assert replies[1] == "fine"


async def test_a_server_that_is_away_fails_the_batch_but_the_others_do_their_part(
    bus: ClusterBus, cluster: FakeCluster
) -> None:
    await bus.run([call(ON_A), call(ON_B)])
    cluster.asked.clear()
    cluster.away.add(A)
    with pytest.raises(BusUnavailableError, match="a:1"):
        await bus.run([call(ON_A), call(ON_B)])
    assert keys_asked(cluster, B) == [ON_B]
    assert not bus.connected
    assert await bus.run([call(ON_B)]), "who needs nothing of it goes on"


async def test_it_is_left_alone_for_a_moment_and_then_tried_again(cluster: FakeCluster) -> None:
    now = 100.0
    told: list[str] = []
    bus = ClusterBus("redis://a:1,b:2", "test", lambda: now)
    bus.on_reconnected(lambda: told.append("regained"))
    await bus.run([call(ON_A)])
    cluster.away.add(A)
    with pytest.raises(BusUnavailableError):
        await bus.run([call(ON_A)])
    cluster.away.clear()
    with pytest.raises(BusUnavailableError):
        await bus.run([call(ON_A)])
    now += 0.3
    assert await bus.run([call(ON_A)])
    assert told == ["regained"]
    assert bus.connected


async def test_who_took_over_from_one_that_is_away_is_found_at_the_others(
    bus: ClusterBus, cluster: FakeCluster, told: list[str]
) -> None:
    await bus.run([call(ON_A)])
    cluster.away.add(A)
    with pytest.raises(BusUnavailableError):
        await bus.run([call(ON_A)])
    cluster.owners = [C if owner == A else owner for owner in cluster.owners]
    cluster.answer = lambda at, _: at.host
    assert await bus.run([call(ON_A)]) == ["c"]
    assert told == ["regained"]
    assert bus.connected


async def test_a_slot_that_nobody_has_is_no_bug(bus: ClusterBus, cluster: FakeCluster) -> None:
    await bus.run([call(ON_A)])
    cluster.slots = lambda: [[0, 1, [b"b", 2, b"id", []]]]  # type: ignore[method-assign]
    with pytest.raises(BusUnavailableError):
        await bus.drop_connection("a test says so")
    with pytest.raises(BusUnavailableError, match=f"slot {slot_of(ON_A)}"):
        await bus.run([call(ON_A)])


async def test_without_any_server_the_bus_is_away(bus: ClusterBus, cluster: FakeCluster) -> None:
    cluster.away = {A, B}
    with pytest.raises(BusUnavailableError, match="away"):
        await bus.run([call(ON_A)])
    assert not bus.connected


async def test_one_seed_that_answers_is_enough(bus: ClusterBus, cluster: FakeCluster) -> None:
    cluster.away = {A}
    assert await bus.run([call(ON_B)])


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (b"redis_version:7.0.15\r\nredis_mode:standalone\r\n", "no node of a cluster"),
        (b"redis_version:7.2.4\r\nserver_mode:standalone\r\n", "no node of a cluster"),
        (b"redis_version:6.2.14\r\nredis_mode:cluster\r\n", "too old"),
    ],
)
async def test_what_is_no_cluster_is_refused_with_the_name_of_the_setting(
    bus: ClusterBus, cluster: FakeCluster, info: bytes, text: str
) -> None:
    cluster.info = info
    with pytest.raises(RefusedError, match=text) as caught:
        await bus.run([call(ON_A)])
    assert "CHARGELIGHT_REDIS_CLUSTER" in str(caught.value)


def test_all_slots_of_the_fake_are_owned(cluster: FakeCluster) -> None:
    assert sum(last - first + 1 for first, last, _ in cluster.slots()) == SLOTS
