"""Settings that must be the same in all instances, compared through Redis at start.

With another partition count a process would send readings to partitions that no router
watches; with other thresholds under the same version two routers would light one widget
differently. Both are refused before serving.
"""

import asyncio
import random
from collections.abc import Mapping

from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.wrong_server import WrongServerError, refuse_wrong_server
from shared.contract.names import AGREEMENTS
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.runtime import CannotServeError

_log = logs.get(__name__)


async def wait_and_agree(bus: Bus, own: Mapping[str, str], rng: random.Random) -> None:
    """Wait until Redis answers, then check its settings and ours (by name).

    Raises:
        CannotServeError: Another instance is configured differently, Redis is a cluster
            although the settings say one server (or the other way round), or one of its
            servers may evict keys (``maxmemory-policy`` other than ``noeviction``:
            https://redis.io/docs/latest/develop/reference/eviction/).
    """
    backoff = Backoff(0.1, 2.0, rng)
    waiting = False
    while True:
        try:
            for server in await bus.on_each_server("INFO", "server"):
                refuse_wrong_server(server, is_cluster=bus.is_cluster)
            memories = await bus.on_each_server("INFO", "memory")
            await agree(bus, own)
        except WrongServerError as error:
            raise CannotServeError(str(error)) from error
        except BusUnavailableError as error:
            if not waiting:
                waiting = True
                _log.warning("waiting for redis", reason=str(error))
            await asyncio.sleep(backoff.delay())
        else:
            for memory in memories:
                _refuse_eviction(memory)
            return


async def agree(bus: Bus, own: Mapping[str, str]) -> None:
    """Write settings that no instance has written yet; compare the others.

    Raises:
        CannotServeError: Another instance is configured differently.
        BusUnavailableError: Redis is away.
    """
    await bus.commands([("HSETNX", AGREEMENTS, name, value) for name, value in own.items()])
    agreed = await bus.command("HMGET", AGREEMENTS, *own)
    for (name, value), other in zip(own.items(), agreed, strict=True):
        if other is not None and other != value.encode():
            running = other.decode(errors="replace")
            raise CannotServeError(
                f"{name} is {value!r} here, but {running!r} in the running system. "
                f"Set it to the same everywhere; to change it, stop all instances and "
                f"remove it: redis-cli HDEL {AGREEMENTS} '{name}'"
            )


def _refuse_eviction(memory: bytes) -> None:
    for line in memory.decode().splitlines():
        name, _, value = line.partition(":")
        if name == "maxmemory_policy" and value != "noeviction":
            raise CannotServeError(
                f"Redis may evict keys (maxmemory-policy {value}), and an evicted status is a "
                "wrong light. Set: redis-cli CONFIG SET maxmemory-policy noeviction"
            )
