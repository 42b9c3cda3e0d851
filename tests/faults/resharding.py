"""Moving hash slots of a Redis Cluster from node to node, as ``redis-cli --cluster reshard`` does.

https://redis.io/docs/latest/commands/cluster-setslot/
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from shared.bus.cluster.slots import slot_of
from shared.contract.names import Names
from tests.fixtures.redis_at import admin_client
from tools.servers.credentials import ADMIN
from tools.servers.ports import LOOPBACK
from tools.servers.redis.cluster import ClusterNode, RedisCluster

_MIGRATE_MS: Final = 5000


def tag_slots(partitions: int = 64) -> list[int]:
    """Return the slots of all tags: nothing of a device is in another one."""
    names = Names(partitions)
    return [slot_of(tag.directory) for tag in (*names.chargers, *names.widgets)]


class Resharding:
    """Moves slots. Made by `open_resharding`."""

    def __init__(self, cluster: RedisCluster, clients: dict[int, Any]) -> None:
        self._cluster = cluster
        self._clients = clients

    async def masters(self) -> dict[int, list[int]]:
        """Return the ports of the masters, each with the slots of our tags that it has."""
        ranges = await self._some().execute_command("CLUSTER", "SLOTS")
        owned: dict[int, list[int]] = {}
        for first, last, (_, port, *_), *_ in _ranges(ranges):
            slots = owned.setdefault(int(port), [])
            slots += [slot for slot in tag_slots() if first <= slot <= last]
        return owned

    async def move(self, slot: int, source: int, target: int, pause: float = 0.0) -> None:
        """Move one slot with all its keys, with a pause (s) when half of them are over there."""
        ids = {port: await self._id(port) for port in (source, target)}
        await self._set(target, slot, "IMPORTING", ids[source])
        await self._set(source, slot, "MIGRATING", ids[target])
        paused = False
        while keys := await self._ask(
            source, "CLUSTER", "GETKEYSINSLOT", slot, 1 if pause else 100
        ):
            where = (LOOPBACK, target, "", 0, _MIGRATE_MS, "AUTH2", ADMIN.name, ADMIN.password)
            await self._ask(source, "MIGRATE", *where, "KEYS", *keys)
            if pause and not paused:
                paused = True
                await asyncio.sleep(pause)
        # The new owner first: the old one sends clients to it.
        for port in (target, source, *(self._clients.keys() - {source, target})):
            with contextlib.suppress(Exception):
                await self._set(port, slot, "NODE", ids[target])

    async def _id(self, port: int) -> str:
        answer: bytes = await self._ask(port, "CLUSTER", "MYID")
        return answer.decode()

    async def _set(self, port: int, slot: int, what: str, node: str) -> None:
        await self._ask(port, "CLUSTER", "SETSLOT", slot, what, node)

    async def _ask(self, port: int, *words: Any) -> Any:
        return await self._clients[port].execute_command(*words)

    def _some(self) -> Any:
        return next(iter(self._clients.values()))


def _ranges(answer: Any) -> list[Any]:
    """Return CLUSTER SLOTS as Redis says it: redis-py makes a mapping of it."""
    if isinstance(answer, dict):
        return [[first, last, [*found["primary"]]] for (first, last), found in answer.items()]
    return list(answer)


@contextlib.asynccontextmanager
async def open_resharding(cluster: RedisCluster) -> AsyncIterator[Resharding]:
    """Connect to all nodes of a cluster that run."""
    async with contextlib.AsyncExitStack() as stack:
        clients: dict[int, Any] = {}
        for node in cluster.nodes:
            client = admin_client(LOOPBACK, node.port, timeout_seconds=10)
            clients[node.port] = await stack.enter_async_context(client)
        yield Resharding(cluster, clients)


def node_at(cluster: RedisCluster, port: int) -> ClusterNode:
    return next(node for node in cluster.nodes if node.port == port)
