"""Waiting for an event: for some time, or until this process is asked to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, but at most ``seconds``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set in the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Run ``work`` to its end, or cancel it when ``stop`` is set.

    Returns:
        What ``work`` returns; None if it was cancelled (it has tidied up by then).
    """
    working = asyncio.create_task(work, name=getattr(work, "__qualname__", "work"))
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, stopping):
            task.cancel()
        # `wait` raises nothing of theirs: only our own cancellation gets through.
        await asyncio.wait({working, stopping})
    return None if working.cancelled() else working.result()
