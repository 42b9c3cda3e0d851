"""One contestant under load: what it received, what that cost, and the highest rate it bears."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.generator.control import Generator
from tests.benchmarks.ingest.contestants import GATEWAY, Contestant
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.prometheus import READINGS, STORED, counted
from tests.benchmarks.search import highest_rate
from tests.benchmarks.stage import Stage

_LATE_SECONDS: Final = 0.1
"""A server that has not received all this long after the last was sent does not keep up."""
_GIVE_UP_SECONDS: Final = 30.0
_MOST_LAG_MS: Final = 50.0


class LostReadingsError(Exception):
    """A server did not receive all that was sent, ever."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load of some seconds showed.

    Attributes:
        rate: Readings per second that were asked for.
        received: By the server, all that were sent.
        seconds: From the first reading to the last one received.
        cpu: Seconds of the server's.
        redis_cpu: Seconds of Redis'.
        stored: Readings stored in Redis; the others were conflated. 0 for all but the gateway.
        is_borne: Whether the server kept up.
        in_time: Whether the generator did.
        generator: What the generator says of itself.
    """

    rate: float
    received: int
    seconds: float
    cpu: float
    redis_cpu: float
    stored: int
    is_borne: bool
    in_time: bool
    generator: dict[str, Any]

    @property
    def per_cpu_second(self) -> float:
        """Readings per second of the server's CPU: its rate if it had a core for itself."""
        return self.received / self.cpu

    @property
    def per_second(self) -> float:
        return self.received / self.seconds


async def put_under(
    stage: Stage, generator: Generator, contestant: Contestant, rate: float, seconds: float
) -> Load:
    """Send at a rate, and wait until all has been received.

    Raises:
        LostReadingsError: It never was.
    """
    before = await counted(stage.http, contestant.health_port)
    cpu, redis_cpu = await _cpu(stage, contestant)
    began = time.perf_counter()
    sent = await generator.do("send", rate=rate, seconds=seconds, ocpp=contestant.ocpp)
    ended = time.perf_counter()
    expected = before[READINGS] + sent["sent"] - sent["refused"]
    while (now := await counted(stage.http, contestant.health_port))[READINGS] < expected:
        if time.perf_counter() - ended > _GIVE_UP_SECONDS or sent["lost"]:
            missing = expected - now[READINGS]
            raise LostReadingsError(f"{contestant.name}: {missing:.0f} of {sent}")
        await asyncio.sleep(0.005)
    last = time.perf_counter()
    cpu_now, redis_cpu_now = await _cpu(stage, contestant)
    return Load(
        rate=rate,
        received=round(now[READINGS] - before[READINGS]),
        seconds=last - began,
        cpu=cpu_now - cpu,
        redis_cpu=redis_cpu_now - redis_cpu,
        stored=round(now.get(STORED, 0.0) - before.get(STORED, 0.0)),
        is_borne=last - ended < _LATE_SECONDS and not sent["refused"],
        in_time=sent["generator_lag_ms"]["p99"] < _MOST_LAG_MS,
        generator=sent,
    )


async def highest(
    stage: Stage, generator: Generator, contestant: Contestant, first: float, seconds: float
) -> tuple[float, str]:
    """Look for the highest rate that a server bears.

    Returns:
        The rate, and what was at its limit beyond it: ``server`` or ``generator``.
    """

    async def attempt(rate: float) -> Load:
        return await put_under(stage, generator, contestant, rate, seconds)

    rate, _, beyond = await highest_rate(
        attempt, lambda load: load.is_borne and load.in_time, first
    )
    return rate, "the generator" if beyond.is_borne else "the server"


async def _cpu(stage: Stage, contestant: Contestant) -> tuple[float, float]:
    redis = sum(await stage.redis_cpu()) if contestant.name.startswith(GATEWAY) else 0.0
    return cpu_seconds(contestant.process.pid), redis
