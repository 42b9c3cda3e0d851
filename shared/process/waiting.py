"""Waiting for an event: for some time, or until this process is asked to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

_AGAIN_SECONDS: Final = 0.2
_MOST_CANCELS: Final = 6


class Stop(asyncio.Event):
    """Set once this process is asked to stop.

    Attributes:
        again: Set once it is asked again: whatever it only waits for, it waits no longer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.again = asyncio.Event()
        self._is_asked = False

    def ask(self) -> None:
        """Ask the process to stop, or, if it was asked before, not to wait.

        A process that has begun to stop by itself was not asked yet.
        """
        (self.again if self._is_asked else self).set()
        self._is_asked = True


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, but at most ``seconds``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def stop_on_signals(on_signal: Callable[[], None] | None = None) -> Stop:
    """Return an event that SIGTERM and SIGINT set in the running loop.

    ``on_signal`` is called for each of them, also when the event is set already.
    """
    stop = Stop()

    def on_stop() -> None:
        stop.ask()
        if on_signal is not None:
            on_signal()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_stop)
    return stop


async def end_task(task: asyncio.Task[Any], patience: float) -> bool:
    """Cancel a task and wait until it has tidied up, for ``patience`` seconds.

    Then cancel it again, some times: a library may wait for a server while it tidies up
    (psycopg: up to 10 s), and is brief when it is cancelled once more.

    Returns:
        Whether it has ended.
    """
    waits = [max(patience, _AGAIN_SECONDS), *[_AGAIN_SECONDS] * (_MOST_CANCELS - 1)]
    for seconds in waits:
        task.cancel()
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return True
    return False


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
