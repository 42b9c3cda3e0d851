"""CPU of other processes, and the cores that they may use (Linux)."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

_SCHED_CLOCK: Final = 2


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, all its threads, in user and kernel.

    Exact to the nanosecond, where ``/proc/PID/stat`` counts in hundredths; the number of
    the clock is that of `clock_getcpuclockid` (3).
    """
    return time.clock_gettime(~pid << 3 | _SCHED_CLOCK)


async def redis_cpu_seconds(client: Redis) -> float:
    """Return the CPU time that a Redis server says it has used, wherever it runs."""
    info = await client.info("cpu")
    return float(info["used_cpu_sys"]) + float(info["used_cpu_user"])


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def generators_core() -> int | None:
    """Return the core that a generator gets for itself, or None if there is only one."""
    own = cores()
    return own[0] if len(own) > 1 else None


def pin(pid: int, to: Iterable[int]) -> None:
    """Let a process, all its threads, run only on some cores, if we may say so."""
    wanted = set(to)
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), wanted)


def pin_beside_generator(pid: int) -> None:
    """Let a process run on the cores that the generator does not have, if there are any."""
    others = cores()[1:]
    if others:
        pin(pid, others)
