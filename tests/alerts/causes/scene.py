"""What a cause needs: a booth, those who watch it, and how long things take."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from shared.process.waiting import end_task
from tests.alerts.causes.watch import Watch
from tests.faults.booth import Booth

READY_SECONDS: Final = 120.0
"""Three hubs share the machine with other tests."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A booth that is watched."""

    booth: Booth
    watch: Watch


Harm = Callable[[Scene], AbstractAsyncContextManager[None]]
"""Does the harm for as long as the block lasts, and mends it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A real cause.

    Attributes:
        title: As it stands in the table.
        harm: Does it.
        alerts: Those that fire.
        silences: Those that Alertmanager keeps silent meanwhile.
    """

    title: str
    harm: Harm
    alerts: tuple[str, ...]
    silences: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def again_and_again(do: Callable[[], Awaitable[object]], pause: float) -> AsyncIterator[None]:
    """Do something for as long as the block lasts."""

    async def go_on() -> None:
        while True:
            await do()
            await asyncio.sleep(pause)

    task = asyncio.create_task(go_on(), name="again and again")
    try:
        yield
    finally:
        # It is cancelled more than once: a client of Redis may swallow a single cancellation.
        assert await end_task(task, 1.0), "it goes on"
        if not task.cancelled():
            task.result()
