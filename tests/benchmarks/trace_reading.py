"""What one lone reading costs in Python calls: ``python -m tests.benchmarks.trace_reading``.

A gateway and a router run in this process, in one event loop; one charger sends, one widget
waits. Counted is each call of a function in ``services/`` and ``shared/``, and each time that
a coroutine of theirs goes on: from the charger's bytes to the last thing that they cause at
once, which is the script's answer to gateway and router, soon after the widget has its status.

- Comprehensions and generator expressions count as Python calls them: those of 3.11 do, some
  of 3.12 do not. What is left without any of them is said too.
- What goes on anyway (pings, sweeps, leases, presence, the echo, reconciling, comparing the
  directory) only ever adds calls. So of many readings the one with the fewest counts.
- To clear the reading from pending is not waited for, and comes 0.1 s later: it is told
  apart by the tasks that run then and never run while nobody sends anything.
- Each reading has a level that none before it had, so that its message is decoded.
"""

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple, Self

import structlog
import uvloop
from redis.asyncio import Redis

from services.gateway import app as gateway_app
from services.gateway.settings import GatewaySettings
from services.router import app as router_app
from services.router.settings import RouterSettings
from tests.fixtures import raw_frames
from tests.integration.hub.booth import Stored
from tests.integration.hub.conftest import Running
from tools.servers.ports import free_port
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

ROOT: Final = Path(__file__).parents[2]
COUNTED: Final = ("services", "shared")

_HOST: Final = "127.0.0.1"
_CHARGER: Final = "c1234"
_WIDGET: Final = "wABCD"
_WARM_UP: Final = 5
_MOST: Final = 95
"""There are a hundred levels, and none may come again."""
_LATEST_SECONDS: Final = 10.0
_ANSWERED_SECONDS: Final = 0.04
"""After the status: by then both scripts have answered, and nothing is cleared yet."""
_CLEARED_SECONDS: Final = 0.15
_IDLE_SECONDS: Final = 3.0
"""In which everything that goes on anyway comes round at least once."""
_NO_TASK: Final = "(no task: bytes came)"
_PARTS: Final = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")


class Call(NamedTuple):
    """One call of a function, or a coroutine that went on."""

    file: str
    function: str
    depth: int
    """How many of the counted calls it is within."""
    resumed: bool
    task: str

    @property
    def place(self) -> tuple[str, str]:
        return self.file, self.function

    @property
    def is_part(self) -> bool:
        """Whether it is a comprehension or a generator expression of a function."""
        return self.function.endswith(_PARTS)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a sequence of calls amounts to."""

    calls: int
    functions: int
    files: int
    changes: int
    """How often the next call is in another file."""

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Self:
        return cls(
            len(calls),
            len({call.place for call in calls}),
            len({call.file for call in calls}),
            max(0, sum(1 for _ in groupby(call.file for call in calls)) - 1),
        )

    def __str__(self) -> str:
        return (
            f"{self.calls} calls, {self.functions} functions, {self.files} files, "
            f"{self.changes} changes of file"
        )


class Recorder:
    """Notes calls in this thread while it is entered."""

    def __init__(self, folders: Iterable[Path], root: Path) -> None:
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._root = root
        self._names: dict[str, str | None] = {}
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def take(self) -> list[Call]:
        calls, self.calls = self.calls, []
        return calls

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        file = self._file_of(code)
        if file is not None:
            self.calls.append(
                Call(file, code.co_qualname, self._depth(frame), _is_resumed(frame), _task_name())
            )

    def _file_of(self, code: CodeType) -> str | None:
        """Return the name of its file, None if its calls do not count."""
        path = code.co_filename
        if path not in self._names:
            counts = path.startswith(self._folders)
            self._names[path] = Path(path).relative_to(self._root).as_posix() if counts else None
        return self._names[path]

    def _depth(self, frame: FrameType) -> int:
        depth = 0
        outer = frame.f_back
        while outer is not None:
            depth += self._file_of(outer.f_code) is not None
            outer = outer.f_back
        return depth


def _is_resumed(frame: FrameType) -> bool:
    """Whether it goes on where it waited: at a RESUME that says so, by its argument."""
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 != 0


def _task_name() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop
        return _NO_TASK
    return _NO_TASK if task is None else task.get_name()


@dataclass(frozen=True, slots=True)
class Trace:
    """What was recorded of readings.

    Attributes:
        readings: Of each, the calls until both scripts had answered.
        later: Of each, the calls of a while after that.
        idle: The calls of a while in which nobody sent anything.
    """

    readings: list[list[Call]]
    later: list[list[Call]]
    idle: list[Call]

    @property
    def lone(self) -> list[Call]:
        """The calls of the reading that nothing else came between of."""
        return min(self.readings, key=_cost)

    @property
    def clearing(self) -> list[Call]:
        """What clears a reading from pending, without the arrival of Redis' answer."""
        tasks = {call.task for call in self.idle} | {_NO_TASK}
        return min(
            ([call for call in calls if call.task not in tasks] for calls in self.later), key=_cost
        )


def _cost(calls: Sequence[Call]) -> tuple[int, int]:
    """Order what was recorded of readings: that of equally many calls may come in any order."""
    totals = Totals.of(calls)
    return totals.calls, totals.changes


# The hub.


async def _connected(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect a device, as soon as anybody listens there."""
    async with asyncio.timeout(_LATEST_SECONDS):
        while True:
            try:
                reader, writer = await asyncio.open_connection(_HOST, port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        writer.write(raw_frames.handshake(path))
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _trace(redis_url: str, readings: int) -> Trace:
    ports = {"charger_port": free_port(), "widget_port": free_port()}
    usual: dict[str, Any] = {"redis_url": redis_url, "host": _HOST, "drain_seconds": 0.1, **ports}
    router = RouterSettings(**usual, health_port=free_port(), instance_id="router")
    gateway = GatewaySettings(**usual, health_port=free_port(), instance_id="gateway")
    async with AsyncExitStack() as stack:
        stored = Stored(await stack.enter_async_context(Redis.from_url(redis_url)))
        await stored.pair(_CHARGER, _WIDGET, 1)
        await stored.complete()
        services = Running()
        stack.push_async_callback(services.close)
        services.start(router_app.serve, router)
        services.start(gateway_app.serve, gateway)
        await stored.until(lambda: stored.is_router_at_work(router.instance_id))
        widget, widget_out = await _connected(ports["widget_port"], f"/widgets/{_WIDGET}")
        _, charger = await _connected(ports["charger_port"], f"/chargers/{_CHARGER}")
        trace = await _readings(charger, widget, readings)
        charger.close()
        widget_out.close()
    return trace


async def _readings(
    charger: asyncio.StreamWriter, widget: asyncio.StreamReader, count: int
) -> Trace:
    trace = Trace([], [], [])
    levels = iter(range(1, _WARM_UP + count + 1))
    for _ in range(_WARM_UP):
        await _sent(charger, widget, next(levels))
    await asyncio.sleep(_CLEARED_SECONDS)
    recorder = Recorder([ROOT / folder for folder in COUNTED], ROOT)
    with recorder:
        await asyncio.sleep(_IDLE_SECONDS)
        trace.idle.extend(recorder.take())
        for _ in range(count):
            recorder.take()
            await _sent(charger, widget, next(levels))
            trace.readings.append(recorder.take())
            await asyncio.sleep(_CLEARED_SECONDS)
            trace.later.append(recorder.take())
    return trace


async def _sent(charger: asyncio.StreamWriter, widget: asyncio.StreamReader, level: int) -> None:
    """Send a reading; return when the widget has its status and both scripts have answered."""
    charger.write(raw_frames.reading(level))
    async with asyncio.timeout(_LATEST_SECONDS):
        while b"\x81" not in await widget.read(1024):  # a text frame; else it was a ping
            pass
    await asyncio.sleep(_ANSWERED_SECONDS)


# What was found.


def table(title: str, counted: Iterable[str]) -> str:
    found = sorted(Counter(counted).items(), key=lambda item: (-item[1], item[0]))
    return "\n".join([title, *(f"{number:6}  {text}" for text, number in found)])


def listing(calls: Iterable[Call]) -> str:
    """List calls in their order, each below and right of what it is within."""
    lines: list[str] = []
    for number, call in enumerate(calls, 1):
        if call.depth == 0:
            lines.append(f"     -- {call.task}")
        goes_on = " (goes on)" if call.resumed else ""
        lines.append(f"{number:4} {'  ' * call.depth}{call.file} {call.function}{goes_on}")
    return "\n".join(lines)


def report(trace: Trace, *, with_calls: bool) -> str:
    calls = trace.lone
    whole = [call for call in calls if not call.is_part]
    resumed = sum(call.resumed for call in calls)
    seen = Counter(map(len, trace.readings))
    runs = ", ".join(f"{calls} ({times} x)" for calls, times in sorted(seen.items()))
    parts = [
        f"one reading: {Totals.of(calls)}",
        f"  of the calls {resumed} are coroutines that go on, {len(calls) - resumed} are new",
        f"  without comprehensions and the like: {Totals.of(whole)}",
        f"clearing it, 0.1 s later and not in the above: {Totals.of(trace.clearing)}",
        f"calls of each of {len(trace.readings)} readings, with what went on anyway: {runs}",
        table("\ncalls per file", (call.file for call in calls)),
        table("\ncalls per task", (call.task for call in calls)),
        table("\ncalls per function", (f"{call.file} {call.function}" for call in calls)),
    ]
    if with_calls:
        parts += ["\ncalls in their order", listing(calls)]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.trace_reading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--readings",
        type=int,
        default=20,
        choices=range(1, _MOST + 1),
        metavar="N",
        help=f"how many are traced, up to {_MOST}",
    )
    parser.add_argument("--calls", action="store_true", help="list the calls in their order")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with (
        closing(open_redis_server(ServerOptions.of_tests())) as redis,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        trace = runner.run(_trace(redis.url, asked.readings))
    sys.stdout.write(f"{report(trace, with_calls=asked.calls)}\n")


if __name__ == "__main__":
    main()
