"""A Redis Cluster of our own: several nodes on this machine, each of which may be harmed.

As processes where a redis-server of version 7 or newer is on the PATH, else all in one container.
Every node announces itself as 127.0.0.1 with a port that is the same inside and outside.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tools.servers.environment import Environment
from tools.servers.installed import installed_redis
from tools.servers.ports import LOOPBACK
from tools.servers.redis import redis_line
from tools.servers.server_source import ServerSource
from tools.servers.wheels import NoServerError

SLOTS = 16384
MASTERS = 3
LEAST_VERSION = 7
"""The first one with sharded pub/sub; the redis-server out of the wheel is 6.2."""
JOIN_SECONDS = 30.0
NODE_TIMEOUT_MS = 1000
"""After so long without an answer a node counts as failing; a replica takes over soon after."""

SETTINGS = (
    *("--cluster-enabled", "yes"),
    *("--cluster-announce-ip", LOOPBACK),
    *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
    # Those who need another node go on while one is away.
    *("--cluster-require-full-coverage", "no"),
    # A replica takes over however long it was without its master.
    *("--cluster-replica-validity-factor", "0"),
    *("--cluster-migration-barrier", "99"),
)


class ClusterNode(Protocol):
    """One node. It keeps its address and its place in the cluster over stops and starts."""

    @property
    def port(self) -> int:
        """Where clients reach it."""

    @property
    def bus_port(self) -> int:
        """Where the other nodes reach it."""

    def start(self) -> None:
        """Start it, and wait until it answers. Does nothing to a running one."""

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way; with `keep_data`, the next start finds everything again."""

    def kill(self) -> None:
        """End it at once (SIGKILL); its data is lost."""

    def freeze(self) -> None:
        """Let it hang: connections stay open, nothing answers."""

    def thaw(self) -> None:
        """End the hanging; does nothing to one that does not hang."""


class RedisCluster:
    """A running cluster; what `redis_server.Redis` says of one server holds for all together.

    Args:
        nodes: all of them, running; the first ones are to be the masters.
        masters: how many are.
        description: the way in use and why, for people.
        command_line: how a person starts redis-cli on it.
        close: ends all nodes and removes what they stored.

    Raises:
        NoServerError: they do not find together.
    """

    def __init__(
        self,
        nodes: Sequence[ClusterNode],
        masters: int,
        *,
        description: str,
        command_line: str,
        close: Callable[[], None],
    ) -> None:
        self.nodes = list(nodes)
        self.description = description
        self.command_line = command_line
        self._close = close
        self._masters = masters
        self._join()

    @property
    def url(self) -> str:
        """The address, as CHARGELIGHT_REDIS_URL takes it beside CHARGELIGHT_REDIS_CLUSTER=true."""
        return "redis://" + ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    @property
    def settings(self) -> Mapping[str, str]:
        """What services are to be started with."""
        return {"CHARGELIGHT_REDIS_URL": self.url, "CHARGELIGHT_REDIS_CLUSTER": "true"}

    def ask(self, node: ClusterNode, command: str) -> str:
        """Run one command of plain words on a node.

        Raises:
            OSError: it is away, or refuses the command.
        """
        answer = redis_line.ask_all(LOOPBACK, node.port, command)
        if answer.startswith("-"):
            raise OSError(f"{command}: {answer}")
        return answer

    def id_of(self, node: ClusterNode) -> str:
        """How the other nodes know it."""
        return self.ask(node, "CLUSTER MYID")

    def is_whole(self, replicas: int = 0) -> bool:
        """Whether all nodes run, know each other, and every slot has a master that answers.

        Args:
            replicas: so many are known as such at least, and connected to their masters.
        """
        try:
            return all(self._is_well(node, replicas) for node in self.nodes)
        except OSError:
            return False

    def wait_until_whole(self, within_seconds: float = JOIN_SECONDS, replicas: int = 0) -> None:
        """Return once it is whole; see `is_whole`.

        Raises:
            NoServerError: it takes longer.
        """
        deadline = time.monotonic() + within_seconds
        while not self.is_whole(replicas):
            if time.monotonic() > deadline:
                raise NoServerError(f"the cluster is not whole after {within_seconds:g} s")
            time.sleep(0.05)

    def start(self) -> None:
        """Start all nodes that do not run, and wait until it is whole."""
        for node in self.nodes:
            node.start()
        self.wait_until_whole()

    def thaw(self) -> None:
        """End the hanging of all nodes."""
        for node in self.nodes:
            node.thaw()

    def close(self) -> None:
        """End it and remove its data."""
        self._close()

    def _join(self) -> None:
        masters, replicas = self.nodes[: self._masters], self.nodes[self._masters :]
        each = SLOTS // len(masters)
        for number, node in enumerate(self.nodes):
            self.ask(node, f"CLUSTER SET-CONFIG-EPOCH {number + 1}")
            if number < len(masters):
                last = SLOTS - 1 if node is masters[-1] else (number + 1) * each - 1
                self.ask(node, f"CLUSTER ADDSLOTSRANGE {number * each} {last}")
        first = self.nodes[0]
        for node in self.nodes[1:]:
            self.ask(node, f"CLUSTER MEET {LOOPBACK} {first.port} {first.bus_port}")
        self.wait_until_whole()
        for number, node in enumerate(replicas):
            self.ask(node, f"CLUSTER REPLICATE {self.id_of(masters[number % len(masters)])}")
        self.wait_until_whole(replicas=len(replicas))

    def _is_well(self, node: ClusterNode, replicas: int) -> bool:
        info = self.ask(node, "CLUSTER INFO").split()
        lines = self.ask(node, "CLUSTER NODES").splitlines()
        replication = self.ask(node, "INFO replication").split()
        if "role:slave" in replication and "master_link_status:up" not in replication:
            return False
        return (
            "cluster_state:ok" in info
            and "cluster_slots_ok:16384" in info
            and len(lines) == len(self.nodes)
            and sum("slave" in line for line in lines) >= replicas
            and all("fail" not in line and "handshake" not in line for line in lines)
        )


def open_redis_cluster(surroundings: Environment, *, replicas: int = 0) -> RedisCluster:
    """A cluster of three masters, and so many replicas, of the first ones; the caller closes it.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    count = MASTERS + replicas
    why_not = "no redis-server on the PATH"
    if surroundings.forced is not ServerSource.CONTAINERS:
        from tools.servers.redis.cluster_embedded import embedded_nodes  # noqa: PLC0415

        installed = installed_redis()
        if installed is not None:
            opened = embedded_nodes(installed, count)
            if not isinstance(opened, str):
                return _joined(opened, count)
            why_not = opened
    if surroundings.containers.available and surroundings.forced is not ServerSource.EMBEDDED:
        # Not above: an environment without testcontainers has its ways too.
        from tools.servers.redis.cluster_container import contained_nodes  # noqa: PLC0415

        return _joined(contained_nodes(count, surroundings.containers.because), count)
    raise NoServerError(
        f"a cluster needs redis-server {LEAST_VERSION} or newer, and there is {why_not}; nor are "
        f"there containers ({surroundings.containers.because}). Install Redis {LEAST_VERSION}, or "
        "start a Docker engine"
    )


class Nodes(Protocol):
    """Nodes that run and do not know each other yet."""

    @property
    def nodes(self) -> Sequence[ClusterNode]:
        """All of them."""

    @property
    def description(self) -> str:
        """The way in use and why, for people."""

    @property
    def command_line(self) -> str:
        """How a person starts redis-cli on them."""

    def close(self) -> None:
        """End all and remove what they stored."""


def _joined(opened: Nodes, count: int) -> RedisCluster:
    try:
        return RedisCluster(
            opened.nodes,
            MASTERS,
            description=f"cluster of {count} nodes, {opened.description}",
            command_line=opened.command_line,
            close=opened.close,
        )
    except BaseException:
        opened.close()
        raise
