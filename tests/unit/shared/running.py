"""Endless work, for as long as a test needs it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest


@asynccontextmanager
async def running(work: Coroutine[Any, Any, object]) -> AsyncIterator[asyncio.Task[object]]:
    """Run work that never ends, and cancel it; a bug in it is raised."""
    task = asyncio.create_task(work)
    yield task
    if task.done():
        await task
    while not task.done():
        # Not once: in Python 3.11 redis-py can swallow a cancellation.
        task.cancel()
        await asyncio.wait({task}, timeout=1)
    with pytest.raises(asyncio.CancelledError):
        await task


async def let_work(work: Coroutine[Any, Any, object], steps: int = 20) -> None:
    """Let work do all that it can; each step is a handful of steps of the loop."""
    async with running(work):
        for _ in range(steps):
            await asyncio.sleep(0)
