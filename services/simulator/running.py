"""How every command runs: until it is done or asked to stop, without a traceback."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn, TypeVar

import uvloop

EXIT_DONE: Final = 0
EXIT_NOT_RIGHT: Final = 1

Command = Callable[[asyncio.Event], Coroutine[Any, Any, int]]
"""Does its work until the event is set at the latest; returns the exit code."""

Result = TypeVar("Result")


def run(command: Command) -> NoReturn:
    """Run a command, then exit the process with its code.

    SIGINT and SIGTERM ask it to stop; having been asked is no failure.
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_until_signalled(command))
    except* BrokenPipeError:
        # The reader of our lines has closed them (`… | head`). Python would
        # complain again when it flushes standard output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_DONE
    sys.exit(code)


async def _until_signalled(command: Command) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await command(stop)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Run ``work``, or as much of it as there is time for until ``stop`` is set.

    Returns:
        What it returns; none if it was stopped, after it has tidied up.
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
