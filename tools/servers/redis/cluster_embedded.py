"""Nodes of a Redis Cluster as processes of our own."""

from collections.abc import Sequence

from tools.servers.installed import Programs
from tools.servers.ports import free_port
from tools.servers.redis.cluster import LEAST_VERSION, SETTINGS
from tools.servers.redis.embedded import EmbeddedRedis


class EmbeddedNode(EmbeddedRedis):
    """One node; see `redis_cluster.ClusterNode`."""

    def __init__(self, programs: Programs) -> None:
        self.bus_port = free_port()
        super().__init__(programs, "a node")

    @property
    def more_settings(self) -> Sequence[str]:
        """What makes it a node."""
        return ("--cluster-port", str(self.bus_port), *SETTINGS)


class EmbeddedNodes:
    """Nodes that are processes; see `redis_cluster.Nodes`."""

    def __init__(self, programs: Programs, count: int) -> None:
        self.nodes: list[EmbeddedNode] = []
        try:
            for _ in range(count):
                self.nodes.append(EmbeddedNode(programs))
        except BaseException:
            self.close()
            raise
        first = self.nodes[0]
        self.description = first.description
        self.command_line = first.command_line.replace(" -p", " -c -p")

    def close(self) -> None:
        """End all."""
        for node in self.nodes:
            node.close()


def embedded_nodes(programs: Programs, count: int) -> EmbeddedNodes | str:
    """Start nodes; or say what there is instead of a Redis that is new enough."""
    version = EmbeddedRedis.version_of(programs)
    major = version.split(".")[0]
    if not major.isdecimal() or int(major) < LEAST_VERSION:
        return f"redis-server {version} {programs.origin}"
    return EmbeddedNodes(programs, count)
