"""Doorbells of a cluster: each channel is heard where its slot is, and moves with it alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from shared.bus import single_server_subscriber as subscriber_module
from shared.bus.bus import BusUnavailableError
from shared.bus.cluster import servers as cluster_module
from shared.bus.cluster.cluster_subscriber import ClusterSubscriber
from shared.bus.cluster.slots import Address, slot_of
from tests.unit.shared.bus.cluster.fake_cluster import A, B, FakeCluster, FakeConnection
from tests.unit.shared.bus.told import Told
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import running

ON_A, ALSO_ON_A, ON_B = "{bar}:one", "{zap}:two", "{foo}:three"


class Owner(Told):
    """Owns a subscriber."""

    def __init__(self, cluster: FakeCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.subscriber = ClusterSubscriber("redis://a:1,b:2", "test", rng=NoDelay())

    async def connection(self, at: Address) -> FakeConnection:
        """Return the connection to a server that something is sent on next."""
        async with asyncio.timeout(30):
            while True:
                for connection in self._cluster.connections.get(at, []):
                    if connection.sent:
                        return connection
                await asyncio.sleep(0)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    cluster = FakeCluster()
    for each in (subscriber_module, cluster_module):
        monkeypatch.setattr(each, "RedisConnection", cluster.connection)
    monkeypatch.setattr(subscriber_module, "_SILENCE_SECONDS", 600)
    monkeypatch.setattr(cluster_module, "_LEAST_SECONDS", 0)
    return cluster


@pytest.fixture
async def owner(cluster: FakeCluster) -> AsyncIterator[Owner]:
    owner = Owner(cluster)
    async with running(owner.subscriber.run()):
        yield owner


async def listening(owner: Owner) -> tuple[FakeConnection, FakeConnection]:
    """Have one channel heard at each server."""
    owner.subscriber.subscribe([ON_A, ON_B], owner)
    connections = await owner.connection(A), await owner.connection(B)
    for connection, channel in zip(connections, (ON_A, ON_B), strict=True):
        assert await connection.command() == ["SSUBSCRIBE", channel]
        connection.confirm(channel)
        assert await owner.told() == [channel]
    assert owner.subscriber.connected
    return connections


async def test_each_channel_is_subscribed_where_its_slot_is(owner: Owner) -> None:
    assert not owner.subscriber.connected
    at_a, at_b = await listening(owner)
    at_b.say([b"smessage", ON_B.encode(), b"hello"])
    assert await owner.told() == (ON_B, b"hello")
    assert owner.subscriber.is_confirmed(ON_A)
    assert not at_a.sent
    assert not at_b.sent


async def test_channels_of_different_slots_are_different_commands(owner: Owner) -> None:
    owner.subscriber.subscribe([ON_A, ALSO_ON_A, ON_A + "more"], owner)
    connection = await owner.connection(A)
    commands = [await connection.command(), await connection.command()]
    assert sorted(map(sorted, commands)) == sorted(
        [sorted(["SSUBSCRIBE", ON_A, ON_A + "more"]), sorted(["SSUBSCRIBE", ALSO_ON_A])]
    )


async def test_what_is_no_longer_wanted_is_unsubscribed_there(owner: Owner) -> None:
    _, at_b = await listening(owner)
    owner.subscriber.unsubscribe([ON_B])
    assert await at_b.command() == ["SUNSUBSCRIBE", ON_B]
    at_b.say([b"sunsubscribe", ON_B.encode(), 0])
    assert not owner.subscriber.is_confirmed(ON_B)
    assert owner.subscriber.connected


async def test_a_channel_whose_slot_moves_is_heard_at_its_new_place_and_told_of(
    owner: Owner, cluster: FakeCluster
) -> None:
    at_a, at_b = await listening(owner)
    cluster.owners[slot_of(ON_A)] = B
    at_a.say([b"sunsubscribe", ON_A.encode(), 0])
    assert await at_b.command() == ["SSUBSCRIBE", ON_A]
    assert not owner.subscriber.is_confirmed(ON_A)
    assert not owner.subscriber.connected
    assert owner.subscriber.is_confirmed(ON_B), "the others go on"
    at_b.confirm(ON_A)
    assert await owner.told() == [ON_A], "so that what is stored is read"
    assert owner.subscriber.connected


async def test_a_server_that_does_not_have_the_slot_any_more_says_who_does(
    owner: Owner, cluster: FakeCluster
) -> None:
    at_a, at_b = await listening(owner)
    # Nobody else knows it yet.
    owner.subscriber.subscribe([ALSO_ON_A], owner)
    assert await at_a.command() == ["SSUBSCRIBE", ALSO_ON_A]
    slot = slot_of(ALSO_ON_A)
    at_a.say(ResponseError(f"MOVED {slot} b:2"))
    assert await at_b.command() == ["SSUBSCRIBE", ALSO_ON_A]
    cluster.owners[slot] = B
    at_b.confirm(ALSO_ON_A)
    assert await owner.told() == [ALSO_ON_A]
    assert owner.subscriber.is_confirmed(ON_A)


async def test_a_lost_connection_concerns_the_channels_of_that_server_only(
    owner: Owner, cluster: FakeCluster
) -> None:
    at_a, at_b = await listening(owner)
    at_a.say(BusUnavailableError("lost"))
    again = await owner.connection(A)
    assert again is not at_a
    assert await again.command() == ["SSUBSCRIBE", ON_A]
    assert owner.subscriber.is_confirmed(ON_B)
    assert not owner.subscriber.is_confirmed(ON_A)
    again.confirm(ON_A)
    assert await owner.told() == [ON_A]
    assert not at_b.sent
    assert len(cluster.connections[B]) > 0


async def test_when_another_server_took_over_its_channels_go_there(
    owner: Owner, cluster: FakeCluster
) -> None:
    at_a, at_b = await listening(owner)
    cluster.away.add(A)
    cluster.owners = [B] * len(cluster.owners)
    at_a.say(BusUnavailableError("lost"))
    assert await at_b.command() == ["SSUBSCRIBE", ON_A]
    at_b.confirm(ON_A)
    assert await owner.told() == [ON_A]
    assert owner.subscriber.connected


async def test_who_is_not_heard_is_given_up_alone(owner: Owner) -> None:
    at_a, at_b = await listening(owner)
    owner.subscriber.drop_connection("it does not hear", ON_A)
    again = await owner.connection(A)
    assert again is not at_a
    assert owner.subscriber.is_confirmed(ON_B)
    assert not at_b.sent


async def test_an_error_that_names_no_other_server_is_a_loss(owner: Owner) -> None:
    at_a, _ = await listening(owner)
    at_a.say(ResponseError("CLUSTERDOWN Hash slot not served"))
    again = await owner.connection(A)
    assert again is not at_a
    assert await again.command() == ["SSUBSCRIBE", ON_A]


async def test_while_no_server_is_there_it_goes_on_trying(cluster: FakeCluster) -> None:
    cluster.away = {A, B}
    owner = Owner(cluster)
    owner.subscriber.subscribe([ON_A], owner)
    async with running(owner.subscriber.run()):
        async with asyncio.timeout(30):
            while len(cluster.connections.get(A, [])) < 3:  # noqa: ASYNC110 - nobody tells of attempts
                await asyncio.sleep(0)
        assert not owner.subscriber.connected
        cluster.away.clear()
        connection = await owner.connection(A)
        assert await connection.command() == ["SSUBSCRIBE", ON_A]
    assert not owner.subscriber.is_confirmed(ON_A)
