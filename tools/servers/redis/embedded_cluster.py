"""A Redis Cluster of processes."""

from contextlib import ExitStack, closing

from tools.servers.installed import Programs
from tools.servers.ports import free_port
from tools.servers.redis.cluster import SETTINGS, RedisCluster
from tools.servers.redis.embedded import EmbeddedRedis


class EmbeddedNode(EmbeddedRedis):
    """One node; see `cluster.ClusterNode`."""

    def __init__(self, programs: Programs) -> None:
        self.bus_port = free_port()
        settings = ("--cluster-port", str(self.bus_port), *SETTINGS)
        super().__init__(programs, "the nodes are processes", settings)


def embedded_cluster(programs: Programs, count: int) -> RedisCluster:
    """Start a cluster of so many nodes."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(closing(EmbeddedNode(programs))) for _ in range(count)]
        return RedisCluster(nodes, description=nodes[0].description, close=stack.pop_all().close)
