"""A Redis Cluster of our own: several nodes on this machine, each of which tests may harm.

Every node announces itself as 127.0.0.1 with a port that is the same inside and outside.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from tools.servers.credentials import ADMIN, SERVICES
from tools.servers.ports import LOOPBACK
from tools.servers.redis import inline_commands
from tools.servers.redis.server import Harmable
from tools.servers.wheels import NoServerError

SLOTS = 16384
MASTERS = 3
JOIN_SECONDS = 30.0
NODE_TIMEOUT_MS = 1000
"""A node that does not answer for so long counts as failing; a replica takes over soon after."""

SETTINGS = (
    "cluster-enabled yes",
    f"cluster-announce-ip {LOOPBACK}",
    f"cluster-node-timeout {NODE_TIMEOUT_MS}",
    # Slots stay usable while another node is away.
    "cluster-require-full-coverage no",
    # A replica takes over however long it was without its master.
    "cluster-replica-validity-factor 0",
    "cluster-migration-barrier 99",
)


class ClusterNode(Harmable, Protocol):
    """One node. It keeps its address and its place in the cluster over stops and starts."""

    @property
    def port(self) -> int:
        """Where clients reach it."""

    @property
    def bus_port(self) -> int:
        """Where the other nodes reach it."""


class RedisCluster:
    """A running cluster, used like the one server of `server.Redis`.

    Args:
        nodes: all of them, running; the first three become the masters.
        description: the source in use and the reason, for people.
        close: ends all nodes and removes their data; called if they do not join, too.

    Raises:
        NoServerError: the nodes do not join.
    """

    def __init__(
        self, nodes: Sequence[ClusterNode], *, description: str, close: Callable[[], None]
    ) -> None:
        self.nodes = list(nodes)
        self.description = f"cluster of {len(self.nodes)} nodes, {description}"
        self._close = close
        try:
            self._join()
        except BaseException:
            close()
            raise

    @property
    def url(self) -> str:
        """The address, as CHARGELIGHT_REDIS_URL takes it beside CHARGELIGHT_REDIS_CLUSTER=true."""
        return f"redis://{SERVICES.at(self._hosts)}"

    @property
    def admin_url(self) -> str:
        """The same as a user who may do everything."""
        return f"redis://{ADMIN.at(self._hosts)}"

    @property
    def _hosts(self) -> str:
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings that lead services to it."""
        return {"CHARGELIGHT_REDIS_URL": self.url, "CHARGELIGHT_REDIS_CLUSTER": "true"}

    def ask(self, node: ClusterNode, command: str) -> str:
        """Run one command of plain words on a node, as the admin.

        Raises:
            OSError: the node does not answer, or refuses the command.
        """
        answer = inline_commands.ask((LOOPBACK, node.port), command)
        if answer.startswith("-"):
            raise OSError(f"{command}: {answer}")
        return answer

    def id_of(self, node: ClusterNode) -> str:
        """The node's id in the cluster."""
        return self.ask(node, "CLUSTER MYID")

    def is_whole(self, replicas: int = 0) -> bool:
        """Whether all nodes run, know each other, and every slot has a master that answers.

        At least so many nodes must be replicas, connected to their masters.
        """
        try:
            return all(self._sees_all(node, replicas) for node in self.nodes)
        except OSError:
            return False

    def wait_until_whole(self, within_seconds: float = JOIN_SECONDS, replicas: int = 0) -> None:
        """Return once it is whole; see `is_whole`.

        Raises:
            NoServerError: that takes longer.
        """
        deadline = time.monotonic() + within_seconds
        while not self.is_whole(replicas):
            if time.monotonic() > deadline:
                raise NoServerError(f"the cluster is not whole after {within_seconds:g} s")
            time.sleep(0.05)

    def start(self) -> None:
        """Start all nodes that do not run, and wait until the cluster is whole."""
        for node in self.nodes:
            node.start()
        self.wait_until_whole()

    def thaw(self) -> None:
        """Resume all nodes."""
        for node in self.nodes:
            node.thaw()

    def close(self) -> None:
        """End it and remove its data."""
        self._close()

    def _join(self) -> None:
        masters, replicas = self.nodes[:MASTERS], self.nodes[MASTERS:]
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

    def _sees_all(self, node: ClusterNode, replicas: int) -> bool:
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
