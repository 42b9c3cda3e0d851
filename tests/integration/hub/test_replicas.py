"""Readings are acknowledged once a replica has them, if a gateway is told to wait for that.

What it is good for: a primary dies, and a replica is promoted that lacks the last writes. Without
the setting, a reading that was acknowledged is lost with them; with it, no such reading is.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from services.gateway import scripts
from shared.bus.bus import Bus
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.slots import Address
from shared.bus.script import Call
from tests.fixtures.fault_proxy import FaultProxy
from tests.fixtures.redis_at import are_users_wanted, bus_to, client_of
from tests.fixtures.replication import promote, start_replication
from tests.fixtures.reporting import server_options_of
from tests.fixtures.secured import is_secured
from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    Booth,
    Stored,
    reading,
    receipt,
    received,
    soon,
)
from tests.integration.hub.conftest import StartGateway, StartRouter
from tests.integration.hub.test_readiness import READY, readiness, until
from tools.servers.ports import free_port
from tools.servers.redis.cluster import MASTERS, ClusterNode, RedisCluster
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.redis.open import embedded_redis, open_redis_cluster
from tools.servers.redis.server import RedisServer
from tools.servers.wheels import NoServerError

NO_RECEIPT_SECONDS = 1.5


@pytest.fixture
def primary(private_redis: RedisServer) -> EmbeddedRedis:
    if not isinstance(private_redis, EmbeddedRedis) or are_users_wanted() or is_secured():
        pytest.skip("a replica needs a redis-server program, and a run without users and TLS")
    return private_redis


@pytest.fixture
def redis_url(primary: EmbeddedRedis) -> str:
    """A Redis of this test's own, for all services of the test."""
    return primary.url


@pytest.fixture
def replica() -> Iterator[EmbeddedRedis]:
    with closing(embedded_redis("it is a replica")) as server:
        yield server


@pytest.fixture
async def cable(primary: EmbeddedRedis, replica: EmbeddedRedis) -> AsyncIterator[FaultProxy]:
    """Between the primary and its replica."""
    cable = await start_replication(replica, primary)
    yield cable
    cable.close()


@asynccontextmanager
async def closing_bus(url: str) -> AsyncIterator[Bus]:
    bus = bus_to(url)
    try:
        yield bus
    finally:
        await bus.close()


async def has_receipt(charger: ClientConnection) -> bool:
    """Whether the charger hears within a while that what it said is stored."""
    pong = await charger.ping()
    try:
        async with asyncio.timeout(NO_RECEIPT_SECONDS):
            await asyncio.shield(pong)
    except TimeoutError:
        return False
    return True


@pytest.fixture
def open_booth(
    stored: Stored, start_router: StartRouter, start_gateway: StartGateway
) -> StartGateway:
    """Give a function that starts a hub with c1234 and wABCD; arguments are the gateway's."""

    async def start(**settings: Any) -> Booth:
        await stored.pair("c1234", "wABCD", 7)
        await stored.complete()
        await start_router()
        return await start_gateway(**settings)

    return start


@pytest.mark.usefixtures("cable")
async def test_what_no_replica_has_lights_and_is_acknowledged_once_one_has_it(
    stored: Stored, open_booth: StartGateway, replica: EmbeddedRedis
) -> None:
    port = free_port()
    booth = await open_booth(wait_replicas=1, health_port=port)
    async with booth.widget("wABCD") as widget, booth.charger("c1234") as charger:
        await charger.send(reading(10))
        await receipt(charger)
        assert await received(widget) == CHARGING
        await until(port, READY)
        replica.freeze()
        await charger.send(reading(100))
        pong = asyncio.ensure_future(await charger.ping())
        assert await received(widget) == CHARGED
        assert await stored.level("c1234") == 100
        await until(port)
        status, text = await readiness(port)
        assert (status, "CHARGELIGHT_REDIS_WAIT_REPLICAS=1" in text) == (503, True)
        await charger.send(reading(70))  # lights go on
        assert await received(widget) == CHARGING
        assert not pong.done()
        replica.thaw()
        await soon(pong)
        await receipt(charger)
        await until(port, READY)


@pytest.mark.parametrize("wait_replicas", [0, 1])
async def test_no_acknowledged_reading_is_lost_with_the_primary(
    open_booth: StartGateway,
    primary: EmbeddedRedis,
    replica: EmbeddedRedis,
    cable: FaultProxy,
    wait_replicas: int,
) -> None:
    booth = await open_booth(wait_replicas=wait_replicas)
    async with booth.charger("c1234") as charger:
        await charger.send(reading(10))
        await receipt(charger)
        for link in list(cable.links):
            link.silence()
        await charger.send(reading(100))
        is_acknowledged = await has_receipt(charger)
    await booth.stop()  # what a gateway still has it would store again
    await asyncio.to_thread(primary.kill)
    await promote(replica)
    async with client_of(replica.url) as client:
        level = await Stored(client).level("c1234")
    # Without the setting this is what it is against: acknowledged, and lost.
    assert (is_acknowledged, level) == (not wait_replicas, 10)


@pytest.mark.usefixtures("cable")
async def test_a_reading_that_a_replica_has_survives_the_primary(
    open_booth: StartGateway, primary: EmbeddedRedis, replica: EmbeddedRedis
) -> None:
    booth = await open_booth(wait_replicas=1)
    async with booth.charger("c1234") as charger:
        for level in range(10, 100):
            await charger.send(reading(level))
        await receipt(charger)
        await asyncio.to_thread(primary.kill)  # before anything else is told to the replica
    await booth.stop()
    await promote(replica)
    async with client_of(replica.url) as client:
        assert await Stored(client).level("c1234") == 99


@pytest.mark.usefixtures("cable")
@pytest.mark.parametrize("sequence", [1, 2], ids=["older", "same"])
async def test_what_another_connection_stored_is_waited_for_too(
    stored: Stored, primary: EmbeddedRedis, replica: EmbeddedRedis, sequence: int
) -> None:
    # As after a lost connection: nothing is new to the script, and no replica may have it.
    await stored.put_charger("c1234", {"pairing": 7})
    await stored.complete()
    async with closing_bus(primary.url) as lost, closing_bus(primary.url) as bus:
        await bus.command("GET", "k")
        assert await bus.writes_to("k").replicas(1, 5) == 1
        replica.freeze()
        assert await lost.run([store(stored, 2)]) == [[b"stored"]]
        assert await bus.run([store(stored, sequence)]) == [[b"stored"]]
        assert await bus.writes_to("k").replicas(1, 0.2) == 0
        replica.thaw()
        assert await bus.writes_to("k").replicas(1, 5) == 1


def store(stored: Stored, sequence: int) -> Call:
    """Store a reading of a charger that is not paired, as a gateway does."""
    names = stored.names.of_charger("c1234")
    keys = (names.directory, names.directory_version, names.live, names.pending)
    reading = ("c1234", 1_700_000_000_000_000, sequence, "70", 0, "")
    return Call(scripts.STORE, keys, [names.readings, 0, *reading])


async def test_in_a_cluster_each_node_waits_for_its_own_replica(
    pytestconfig: pytest.Config,
) -> None:
    try:
        cluster = open_redis_cluster(server_options_of(pytestconfig), replicas=MASTERS)
    except NoServerError as error:
        pytest.skip(str(error))
    keys = ["{a}", "{b}", "{c}", "{d}", "{e}"]
    with closing(cluster):
        await asyncio.to_thread(cluster.wait_until_whole, replicas=MASTERS)
        bus = ClusterBus(cluster.url, "test")
        await bus.commands([["SET", key, "v"] for key in keys])
        (frozen,) = (node for node in cluster.nodes if is_replica_of(cluster, node, keys[0], bus))
        frozen.freeze()
        lacking = {key for key in keys if bus.server_of(key) == bus.server_of(keys[0])}
        await bus.commands([["SET", key, "w"] for key in keys])
        counts = {key: await bus.writes_to(key).replicas(1, 0.2) for key in keys}
        frozen.thaw()
        await bus.close()
    assert len(lacking) < len(keys)
    assert counts == {key: int(key not in lacking) for key in keys}


def is_replica_of(cluster: RedisCluster, node: ClusterNode, key: str, bus: ClusterBus) -> bool:
    """Whether a node is the replica of the server that has a key."""
    told = cluster.ask(node, "INFO replication")
    address = bus.server_of(key)
    assert isinstance(address, Address)
    return "role:slave" in told and f"master_port:{address.port}" in told
