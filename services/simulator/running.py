"""How every command runs: until it is done or asked to stop, without a traceback."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

import uvloop

from shared.process.waiting import stop_on_signals

EXIT_DONE: Final = 0
EXIT_NOT_RIGHT: Final = 1
EXIT_WRONG_USE: Final = 2

Command = Callable[[asyncio.Event], Coroutine[Any, Any, int]]
"""Works until it is done or the event is set; returns the exit code."""


def run(command: Command) -> NoReturn:
    """Run a command, then exit the process with its code.

    SIGINT and SIGTERM ask it to stop; that alone is no failure.
    """

    async def run_until_signalled() -> int:
        return await command(stop_on_signals())

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(run_until_signalled())
    except* BrokenPipeError:
        # The reader of our lines has closed them (`… | head`). Python would
        # complain again when it flushes standard output at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_DONE
    sys.exit(code)
