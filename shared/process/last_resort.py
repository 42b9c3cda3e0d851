"""What ends a process that does not end by itself.

A stop may hang: a task that waits while it tidies up, a thread of a library that Python waits
for, an event loop that stands still. A process that hangs then has no ports any more and takes
no signal, so nothing but SIGKILL would end it.
"""

import asyncio
import contextvars
import os
import sys
import threading
from typing import Final

from shared.process import logs

_AFTER_THE_LINE_SECONDS: Final = 0.5
"""The line itself may hang: nobody reads standard error."""

_log = logs.get(__name__)


class LastResort:
    """Ends the process with `os._exit` when its time is over, from a thread of its own.

    Args:
        loop: The event loop whose tasks the log line names.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._begun: set[tuple[float, int]] = set()

    def end_within(self, seconds: float, code: int, reason: str) -> None:
        """End the process with ``code`` unless it has ended within ``seconds``.

        ``reason`` is why it ends; the log line gives it.

        The earliest of several limits counts. The same one again changes nothing: a second
        signal gives no more time, and takes none.
        """
        if (seconds, code) in self._begun:
            return
        self._begun.add((seconds, code))
        say = (contextvars.copy_context().run, (self._say, seconds, reason))
        for after, (work, arguments) in (
            (seconds, say),
            (seconds + _AFTER_THE_LINE_SECONDS, (os._exit, (code,))),
        ):
            timer = threading.Timer(after, work, arguments)
            timer.daemon = True
            timer.start()

    def _say(self, seconds: float, reason: str) -> None:
        _log.error(
            "did not stop in time, ending at once",
            seconds=seconds,
            reason=reason,
            tasks=sorted(task.get_name() for task in asyncio.all_tasks(self._loop)),
            threads=sorted(thread.name for thread in threading.enumerate() if not thread.daemon),
        )
        sys.stderr.flush()
