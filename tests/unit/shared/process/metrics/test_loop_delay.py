"""What keeps the event loop from its work is seen."""

import asyncio
import time

from shared.process.metrics.loop_delay import watch_loop
from shared.process.metrics.service import LOOP_DELAY

BLOCKED_SECONDS = 0.3


async def test_a_loop_that_was_blocked_was_late_by_about_that_time() -> None:
    before = sum(LOOP_DELAY.counts)
    watching = asyncio.create_task(watch_loop())
    await asyncio.sleep(0)
    at = LOOP_DELAY.total
    time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - what must not happen
    async with asyncio.timeout(30):
        while sum(LOOP_DELAY.counts) == before:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    watching.cancel()
    # The timer was due within the first 0.1 s of it.
    assert LOOP_DELAY.total - at >= BLOCKED_SECONDS - 0.11
