"""The generator's process: ``python -m tests.benchmarks.generator [core]``.

A command is a line of JSON with ``do`` and the arguments of one function here; its answer is
a line with what that returned, or with ``error``.
"""

import gc
import json
import math
import os
import resource
import sys
import traceback
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from tests.benchmarks.generator.connection import Place
from tests.benchmarks.generator.fleet import Fleet
from tests.benchmarks.generator.loop import Loop
from tests.benchmarks.generator.relaying import drain, relay
from tests.benchmarks.generator.sending import send
from tests.benchmarks.generator.storming import storm


class Commands:
    """The lines that come in on standard input, while devices answer their pings."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._ended = False
        os.set_blocking(0, False)
        loop.watch(0, self._readable)

    def next(self) -> dict[str, Any] | None:
        """Return the next command, or None after the last one."""
        while not self._lines and not self._ended:
            self._loop.turn(math.inf)
        return json.loads(self._lines.popleft()) if self._lines else None

    def _readable(self) -> None:
        data = os.read(0, 65_536)
        if not data:
            self._ended = True
            self._loop.forget(0)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines += lines


def main() -> None:
    if len(sys.argv) > 1:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    with suppress(OSError):  # only root may; without it the lag says whether it mattered
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    # Nothing here makes cycles; a collection over all devices would be a pause.
    gc.disable()
    loop = Loop()
    fleet = Fleet(loop)
    commands = Commands(loop)
    while (command := commands.next()) is not None:
        try:
            answer = _do(loop, fleet, **command)
        except Exception:  # noqa: BLE001 - for the process that asked
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _do(loop: Loop, fleet: Fleet, *, do: str, **arguments: Any) -> dict[str, Any]:
    commands: dict[str, Any] = {
        "connect": partial(_connect, fleet),
        "close": fleet.close,
        "rest": fleet.rest,
        "send": partial(send, loop, fleet),
        "relay": partial(relay, loop, fleet),
        "drain": partial(drain, loop, fleet),
        "storm": partial(storm, loop, fleet),
    }
    answer: dict[str, Any] = commands[do](**arguments)
    return answer


def _connect(fleet: Fleet, *, kind: str, first: int, count: int, **place: Any) -> dict[str, Any]:
    return fleet.connect(kind, Place(**place), range(first, first + count))


main()
