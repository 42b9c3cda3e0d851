"""Writes to Redis about once a second what was noted meanwhile, and no reading waits for."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from shared.bus.bus import BusUnavailableError
from shared.process.backoff import Backoff

_WRITE_SECONDS: Final = 1.0


async def write_each_second(write_all: Callable[[], Awaitable[None]], rng: random.Random) -> None:
    """Call ``write_all`` until cancelled; less often while it finds Redis away."""
    backoff = Backoff(0.5, 5.0, rng)
    while True:
        await asyncio.sleep(_WRITE_SECONDS * rng.uniform(0.8, 1.0))
        try:
            await write_all()
        except BusUnavailableError:
            await asyncio.sleep(backoff.delay())
        else:
            backoff.reset()
