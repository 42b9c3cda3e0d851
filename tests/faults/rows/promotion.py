"""A replica that missed the last writes is promoted by a real Sentinel.

https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.booth import Booth
from tests.faults.stepping_clock import SteppingRedis
from tests.fixtures.fault_proxy import HOST
from tests.fixtures.redis_at import address_of
from tests.fixtures.replication import start_replication, until
from tools.servers.credentials import ADMIN
from tools.servers.ports import free_port
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.server_options import ServerOptions
from tools.servers.server_source import ServerSource

LOST_SECONDS: Final = 1.0
"""For so long the replica hears nothing of what the primary writes."""

PROMOTED_SECONDS: Final = 20.0
_NAME: Final = "hub"
_CONFIGURATION: Final = """\
bind {host}
port {port}
dir {folder}
requirepass {password}
sentinel monitor {name} {host} {primary} 1
sentinel auth-user {name} {user}
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} 500
sentinel failover-timeout {name} 3000
"""


def unavailable_because() -> str | None:
    """Return why no replica can be promoted here, or None."""
    if ServerOptions.of_tests().forced is ServerSource.CONTAINERS:
        return "a replica and its Sentinel need a redis-server program, not a container"
    return None


async def promote_replica(booth: Booth) -> None:
    """Cut a replica off, write on, kill the primary, and have Sentinel promote the replica."""
    await _promote(booth, "replica promoted")


async def promote_replica_behind(booth: Booth) -> None:
    """The same with a replica whose clock is behind."""
    await _promote(booth, "replica with another clock promoted", behind=30.0)


async def promote_replica_without_router(booth: Booth) -> None:
    """A router dies together with the primary; the replica's clock is behind."""
    victim = booth.some_router().process
    await _promote(booth, "router and primary die", behind=15.0, also=victim.kill)


async def _promote(
    booth: Booth, name: str, *, behind: float = 0.0, also: Callable[[], None] = lambda: None
) -> None:
    assert isinstance(booth.redis, EmbeddedRedis), "this fault needs a redis-server program"
    primary = booth.redis
    replica = await booth.start_spare()
    if behind:
        assert isinstance(primary, SteppingRedis)
        assert isinstance(replica, SteppingRedis)
        replica.clock.offset = primary.clock.offset - behind
    link = await start_replication(replica, primary)
    with TemporaryDirectory() as folder:
        port = free_port()
        sentinel = _sentinel(primary, Path(folder), port)
        try:
            async with Redis(
                host=HOST, port=port, password=ADMIN.password, socket_timeout=5
            ) as asked:
                await until(lambda: _knows_replica(asked), PROMOTED_SECONDS)
                async with booth.fault(name):
                    for one in list(link.links):
                        one.silence()
                    await asyncio.sleep(LOST_SECONDS)
                    also()
                    await asyncio.to_thread(primary.kill)
                    await until(lambda: _leads_to(asked, replica.port), PROMOTED_SECONDS)
                    booth.redis, booth.spare = replica, primary
                    booth.redis_address = address_of(replica.url)
        finally:
            sentinel.end(signal.SIGTERM)
            link.close()


def _sentinel(primary: EmbeddedRedis, folder: Path, port: int) -> SupervisedProcess:
    file = folder / "sentinel.conf"
    file.write_text(
        _CONFIGURATION.format(
            host=HOST,
            port=port,
            folder=folder,
            name=_NAME,
            primary=primary.port,
            user=ADMIN.name,
            password=ADMIN.password,
        )
    )
    command: list[str | Path] = [primary.program, file, "--sentinel"]
    return SupervisedProcess(command, log=folder / "sentinel.log")


async def _knows_replica(client: Any) -> bool:
    with contextlib.suppress(RedisError, OSError):
        found = await client.execute_command("SENTINEL", "REPLICAS", _NAME)
        return bool(found)
    return False


async def _leads_to(client: Any, port: int) -> bool:
    with contextlib.suppress(RedisError, OSError):
        found = await client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", _NAME)
        return found is not None and int(found[1]) == port
    return False
