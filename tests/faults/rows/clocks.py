"""Wall clocks that step: of the machine that Redis is on, and of a gateway's."""

import asyncio
import time
from typing import Final

from tests.faults import stepping_clock
from tests.faults.booth import Booth
from tests.faults.rows import handovers, promotion, repairing
from tests.faults.stepping_clock import SteppingRedis

_LATER_SECONDS: Final = 6.0
_STEPPED_SECONDS: Final = 2.0


def no_promotion_because() -> str | None:
    """Return why no replica with another clock can be promoted here, or None."""
    return stepping_clock.unavailable_because() or promotion.unavailable_because()


async def step_back(booth: Booth) -> None:
    """Step Redis' clock back, and re-pair chargers that report all the time."""
    await _step_and_swap(booth, booth.draw(["-60 s", "-3600 s"]))


async def step_forward(booth: Booth) -> None:
    await _step_and_swap(booth, booth.draw(["+60 s", "+3600 s"]))


async def step_and_hand_over(booth: Booth) -> None:
    """Step Redis' clock, and hand over a charger that stays silent."""
    await handovers.arrive(booth)
    async with booth.fault("clock stepped, handed over"):
        await _step(booth, booth.draw(["-60 s", "+60 s", "-3600 s", "+3600 s"]))
        await handovers.hand_over(booth)


async def step_and_say_once(booth: Booth) -> None:
    """Step Redis' clock by half a second, hand over at once, and report once: that must show."""
    await handovers.arrive(booth)
    async with booth.fault("clock stepped, said once"):
        await _step(booth, booth.draw(["+0.5 s", "-0.5 s"]))
        await handovers.hand_over(booth)
        await booth.devices.say(handovers.CHARGER, handovers.CHARGED)


async def step_gateway(booth: Booth) -> None:
    """Step the clock of a gateway while it runs; chargers connect to it again."""
    victim = booth.some_gateway()
    step = booth.rng.choice([-86_400, -60, 60, 86_400])
    booth.notes.append(f"clock of {victim.process.name} {step:+} s")
    async with booth.fault("gateway's clock stepped"):
        booth.clocks[victim.process.name].offset += step
        for link in booth.balancer.links_to(victim.charger_port):
            link.cut()
        await booth.give_devices(victim)


async def _step_and_swap(booth: Booth, step: str) -> None:
    await repairing.begin(booth)
    async with booth.fault("clock stepped"):
        await _step(booth, step)
    await asyncio.sleep(_LATER_SECONDS)
    async with booth.fault("re-paired after it"):
        await repairing.swap(booth)


async def _step(booth: Booth, step: str) -> None:
    """Step the clock, and make sure that Redis tells another time."""
    seconds = float(step.removesuffix(" s"))
    assert isinstance(booth.redis, SteppingRedis)
    async with booth.redis_client() as client:
        offset = booth.redis.clock.offset
        booth.redis.clock.offset = offset + seconds
        async with asyncio.timeout(_STEPPED_SECONDS):
            while True:
                now, microseconds = await client.time()
                ahead = now + microseconds / 1e6 - time.time() - offset
                if abs(ahead - seconds) < 0.2:
                    return
