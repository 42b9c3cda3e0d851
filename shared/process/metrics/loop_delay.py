"""How late the event loop is: a timer that is due ten times a second, and when it really comes.

Redis, Postgres and devices may all be well, and still everything waits: for a CPU, for a garbage
collection, or for code that blocks. A process that stood still notes that afterwards.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from shared.process.metrics.service import LOOP_DELAY

_PERIOD_SECONDS: Final = 0.1
"""Of the delays that an alert asks for, each hits one of these timers."""


async def watch_loop(clock: Callable[[], float] = time.monotonic) -> None:
    """Note the delay of each timer, until cancelled."""
    while True:
        due = clock() + _PERIOD_SECONDS
        await asyncio.sleep(_PERIOD_SECONDS)
        LOOP_DELAY.observe(max(clock() - due, 0.0))
