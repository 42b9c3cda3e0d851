"""A booth on a Redis Cluster, and what can happen to one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from tests.faults import stepping_clock
from tests.faults.booth import Booth, Size, open_in
from tests.faults.catalogue import Fault
from tests.faults.resharding import node_at, open_resharding
from tests.faults.rows import handovers
from tests.faults.stepping_clock import SteppingClock, SteppingRedis
from tests.fixtures.hub import Hub
from tests.fixtures.processes import ROOT
from tools.servers.postgres.open import open_postgres_server
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.cluster import MASTERS, ClusterNode, RedisCluster
from tools.servers.redis.open import (
    EmbeddedNode,
    embedded_cluster,
    open_redis_cluster,
    programs_for_cluster,
)
from tools.servers.server_options import ServerOptions
from tools.servers.wheels import NoServerError

if TYPE_CHECKING:
    from tools.servers.redis.server import RedisServer

NODES: Final = 2 * MASTERS
"""Each master has a replica."""

_STEPS: Final = (-3600.0, -60.0, -10.0, 10.0, 60.0, 3600.0)
PROMOTED_SECONDS: Final = 20.0
"""In which a replica has taken over; it does after about two seconds."""


class ClusterBooth(Booth):
    """A booth whose services all reach all nodes: there are no cables to cut."""

    def __init__(
        self, cluster: RedisCluster, postgres: PostgresServer, hub: Hub, seed: int
    ) -> None:
        # Of a server a booth only needs what the whole cluster has too.
        super().__init__(cast("RedisServer", cluster), postgres, hub, seed)
        self.cluster = cluster

    async def cable(self, name: str) -> str:  # noqa: ARG002 - there is none
        return self.cluster.url

    async def some_master(self) -> ClusterNode:
        """Draw one of the nodes that have slots."""
        async with open_resharding(self.cluster) as resharding:
            ports = sorted(await resharding.masters())
        return node_at(self.cluster, self.rng.choice(ports))

    async def replica_of(self, master: ClusterNode) -> ClusterNode:
        known = await asyncio.to_thread(self.cluster.id_of, master)
        for node in self.cluster.nodes:
            if node is not master:
                said = await asyncio.to_thread(self.cluster.ask, node, "CLUSTER NODES")
                if any("myself,slave" in line and known in line for line in said.splitlines()):
                    return node
        raise AssertionError("a master has no replica")

    async def is_master(self, node: ClusterNode) -> bool:
        said = await asyncio.to_thread(self.cluster.ask, node, "INFO replication")
        return "role:master" in said.split()


def _of(booth: Booth) -> ClusterBooth:
    assert isinstance(booth, ClusterBooth)
    return booth


async def move_slots(booth: Booth) -> None:
    here = _of(booth)
    async with open_resharding(here.cluster) as resharding, booth.no_fault_alone("slots moved"):
        for _ in range(2):
            masters = await resharding.masters()
            source = max(masters, key=lambda port: len(masters[port]))
            target = min(masters, key=lambda port: len(masters[port]))
            for slot in masters[source]:
                await resharding.move(slot, source, target)
            for slot in masters[source]:
                await resharding.move(slot, target, source)


async def leave_slots_half_moved(booth: Booth) -> None:
    """Leave slots half moved for a second each."""
    here = _of(booth)
    async with open_resharding(here.cluster) as resharding, booth.no_fault_alone("slots stuck"):
        masters = await resharding.masters()
        source, target, *_ = sorted(masters)
        for slot in booth.rng.sample(masters[source], 4):
            await resharding.move(slot, source, target, pause=1.0)
            await resharding.move(slot, target, source)


async def kill_node(booth: Booth) -> None:
    here = _of(booth)
    victim = await here.some_master()
    replica = await here.replica_of(victim)
    async with booth.fault("node killed"):
        await asyncio.to_thread(victim.kill)
        await _wait_until_promoted(here, replica)


async def freeze_node(booth: Booth) -> None:
    """Freeze a master until its replica has taken over, then let it go on as it was."""
    here = _of(booth)
    victim = await here.some_master()
    replica = await here.replica_of(victim)
    async with booth.fault("node frozen"):
        await asyncio.to_thread(victim.freeze)
        await _wait_until_promoted(here, replica)
        await asyncio.to_thread(victim.thaw)


async def fail_over_by_hand(booth: Booth) -> None:
    here = _of(booth)
    replica = await here.replica_of(await here.some_master())
    async with booth.fault("failover by hand"):
        await asyncio.to_thread(here.cluster.ask, replica, "CLUSTER FAILOVER")
        await _wait_until_promoted(here, replica)


async def restart_node_with_data(booth: Booth) -> None:
    """Stop and start a master so quickly that no replica takes over."""
    here = _of(booth)
    victim = await here.some_master()
    async with booth.fault("node restarted with data"):
        await asyncio.to_thread(victim.stop, keep_data=True)
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(here.cluster.wait_until_whole)


async def restart_node_empty(booth: Booth) -> None:
    here = _of(booth)
    victim = await here.some_master()
    async with booth.fault("node restarted empty"):
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(here.cluster.wait_until_whole)


async def _wait_until_promoted(booth: ClusterBooth, replica: ClusterNode) -> None:
    async with asyncio.timeout(PROMOTED_SECONDS):
        while not await booth.is_master(replica):  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(0.05)


async def skew_clocks(booth: Booth) -> None:
    """Step the clocks of all nodes, each by another time, and hand a silent charger over."""
    here = _of(booth)
    await handovers.arrive(booth)
    steps = booth.rng.sample(_STEPS, len(here.cluster.nodes))
    booth.notes.append(", ".join(f"{step:+g} s" for step in steps))
    async with booth.fault("clocks skewed"):
        for node, step in zip(here.cluster.nodes, steps, strict=True):
            _clock_of(node).offset += step
        await handovers.hand_over(booth)


async def kill_node_ahead(booth: Booth) -> None:
    """Kill a node whose replica's clock is behind, and let that take over by hand.

    By hand, because an election may wait for an hour here: nodes date their votes and attempts
    by clocks that an earlier row stepped back.
    """
    here = _of(booth)
    victim = await here.some_master()
    replica = await here.replica_of(victim)
    _clock_of(replica).offset = _clock_of(victim).offset - 30
    async with booth.fault("node killed, its replica's clock is behind"):
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(here.cluster.ask, replica, "CLUSTER FAILOVER TAKEOVER")
        await _wait_until_promoted(here, replica)


def _clock_of(node: ClusterNode) -> SteppingClock:
    assert isinstance(node, SteppingNode)
    return node.clock


class SteppingNode(EmbeddedNode, SteppingRedis):
    """A node whose clock can step."""


def _open_cluster(options: ServerOptions) -> RedisCluster:
    """Open a cluster with replicas, with clocks that can step where that is possible."""
    if stepping_clock.unavailable_because() is None:
        with contextlib.suppress(NoServerError):
            return embedded_cluster(programs_for_cluster(), NODES, SteppingNode)
    return open_redis_cluster(options, replicas=NODES - MASTERS)


FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("slots-moved", "All slots of a node move to another one, and back", move_slots),
        Fault("slots-stuck", "Slots are half moved for a second each", leave_slots_half_moved),
        Fault("node-killed", "A node is killed, its replica takes over", kill_node),
        Fault("node-frozen", "A node hangs, its replica takes over, it goes on", freeze_node),
        Fault("failover", "A replica changes places with its master", fail_over_by_hand),
        Fault("node-restarted", "A node restarts with its data", restart_node_with_data),
        Fault("node-emptied", "A node restarts empty", restart_node_empty),
        Fault(
            "clocks-skewed",
            "Clocks of all nodes step, a silent charger is handed over",
            skew_clocks,
            unavailable_because=stepping_clock.unavailable_because,
        ),
        Fault(
            "node-killed-ahead",
            "A node is killed, its replica's clock is 30 s behind",
            kill_node_ahead,
            unavailable_because=stepping_clock.unavailable_because,
        ),
    )
}


@contextlib.asynccontextmanager
async def open_cluster_booth(
    seed: int,
    logs: Path,
    *,
    size: Size | None = None,
    code: Path = ROOT,
    server_options: ServerOptions | None = None,
) -> AsyncIterator[ClusterBooth]:
    """Open a booth on a cluster of three masters with a replica each, and close it again.

    Raises:
        NoServerError: There is no cluster on this machine.
    """
    server_options = server_options or ServerOptions.of_tests()
    with contextlib.ExitStack() as servers:
        cluster = await open_in(servers, _open_cluster, server_options)
        postgres = await open_in(servers, open_postgres_server, server_options)
        settings = {**cluster.settings, "CHARGELIGHT_POSTGRES_DSN": postgres.dsn}
        booth = ClusterBooth(cluster, postgres, Hub(settings, logs, lambda _: None, code), seed)
        booth.folder = logs
        try:
            await booth.start(size or Size(pairs=16, gateways=2, routers=2))
            yield booth
        finally:
            await booth.close()
