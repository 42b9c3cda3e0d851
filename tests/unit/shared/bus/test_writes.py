"""Waiting for the replicas of what was written, over the connection that wrote it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus import server as server_module
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.cluster import servers as cluster_module
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.slots import Address, slot_of
from shared.bus.refusals.refusal import RefusedError
from shared.bus.script import Call, Script
from shared.bus.single_server_bus import SingleServerBus
from tests.unit.shared.bus.cluster.fake_cluster import A, B, FakeCluster

ON_A, ALSO_ON_A, ON_B = "{bar}", "{zap}", "{foo}"
SCRIPT = Script("store", "…", "sha", Script("store", "…", "sharded-sha"))


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Servers of which the first one alone is what a single Redis is."""
    redis = FakeCluster()
    redis.answer = lambda at, words: _count(at) if words[0] == "WAIT" else at.host
    for each in (server_module, cluster_module):
        monkeypatch.setattr(each, "RedisConnection", redis.connection)
    return redis


@pytest.fixture(params=[SingleServerBus, ClusterBus])
async def bus(redis: FakeCluster, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A bus that has a connection."""
    assert [redis.owners[slot_of(key)] for key in (ON_A, ALSO_ON_A, ON_B)] == [A, A, B]
    bus: Bus = request.param("redis://a:1", "test")
    await bus.run([call(ON_A)])
    yield bus
    await bus.close()


def _count(at: Address) -> int:
    return 1 if at == A else 2


def call(key: str) -> Call:
    return Call(SCRIPT, (key,), ["70"])


async def test_replicas_are_waited_for_over_the_connection_that_wrote(
    bus: Bus, redis: FakeCluster
) -> None:
    writes = bus.writes_to(ON_A)
    await bus.run([call(ON_A)])
    assert await writes.replicas(2, 0.1) == 1
    assert redis.asked_of(A)[-2:] == [
        ("EVALSHA", redis.asked_of(A)[-2][1], "1", ON_A, "70"),
        ("WAIT", "2", "100"),
    ]


async def test_of_another_connection_nothing_is_told(bus: Bus, redis: FakeCluster) -> None:
    writes = bus.writes_to(ON_A)
    await bus.run([call(ON_A)])
    with pytest.raises(BusUnavailableError, match="test"):
        await bus.drop_connection("test")
    for _ in range(2):  # without a connection, and with the next one
        with pytest.raises(BusUnavailableError, match="is lost"):
            await writes.replicas(1, 0.1)
        await bus.run([call(ON_A)])
    assert "WAIT" not in [words[0] for words in redis.asked_of(A)]
    assert await bus.writes_to(ON_A).replicas(1, 0.1) == 1


async def test_a_server_that_goes_away_meanwhile_is_lost_to_all(
    bus: Bus, redis: FakeCluster
) -> None:
    told: list[str] = []
    bus.on_reconnected(lambda: told.append("back"))
    writes = bus.writes_to(ON_A)
    redis.away = {A}
    with pytest.raises(BusUnavailableError, match="away"):
        await writes.replicas(1, 0.1)
    redis.away = set()
    await bus.run([call(ON_A)])
    assert told == ["back"]


async def test_one_that_has_become_a_replica_cannot_tell(bus: Bus, redis: FakeCluster) -> None:
    redis.answer = lambda *_: "-ERR WAIT cannot be used with replica instances."
    with pytest.raises(BusUnavailableError, match="WAIT"):
        await bus.writes_to(ON_A).replicas(1, 0.1)


async def test_without_the_right_to_wait_no_replica_counts_and_it_is_said(
    bus: Bus, redis: FakeCluster
) -> None:
    redis.answer = lambda *_: "-NOPERM User g has no permissions to run the 'wait' command"
    assert await bus.writes_to(ON_A).replicas(1, 0.1) == 0
    assert isinstance(bus.trouble, RefusedError)
    assert "+wait" in str(bus.trouble)


@pytest.fixture
def cluster(redis: FakeCluster) -> ClusterBus:
    del redis
    return ClusterBus("redis://a:1", "test")


async def test_in_a_cluster_each_server_waits_for_its_own_replicas(
    cluster: ClusterBus, redis: FakeCluster
) -> None:
    with pytest.raises(BusUnavailableError, match="no server"):
        cluster.writes_to(ON_A)
    await cluster.run([call(ON_A), call(ON_B)])
    on_a, also_on_a, on_b = map(cluster.writes_to, (ON_A, ALSO_ON_A, ON_B))
    assert on_a is also_on_a
    assert [await each.replicas(1, 0.1) for each in (on_a, on_b)] == [1, 2]
    assert [redis.asked_of(at)[-1][0] for at in (A, B)] == ["WAIT", "WAIT"]


@pytest.mark.parametrize("word", ["ASK", "MOVED"])
async def test_what_was_written_elsewhere_is_not_waited_for_at_the_wrong_server(
    cluster: ClusterBus, redis: FakeCluster, word: str
) -> None:
    await cluster.run([call(ON_A), call(ON_B)])
    on_a, on_b = map(cluster.writes_to, (ON_A, ON_B))
    plain = redis.answer

    def answer(at: Address, words: Any) -> Any:
        if at == A and words[0] == "EVALSHA":
            return f"-{word} {slot_of(ON_A)} b:2"
        return plain(at, words)

    redis.answer = answer
    if word == "MOVED":
        redis.owners[slot_of(ON_A)] = B
    assert await cluster.run([call(ON_A), call(ON_B)]) == ["b", "b"]
    with pytest.raises(BusUnavailableError, match="is lost"):
        await on_a.replicas(1, 0.1)
    assert await on_b.replicas(1, 0.1) == 2
