"""The services' own coroutines, driven by hand: a step from one answer of Redis to the next.

No event loop runs here. A coroutine of a service is resumed until it wants something of Redis, or
until it waits for an event; what happens next, and to whom, is the model's choice.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Literal

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.repair.repair import raise_failed, remove_broken_of, repeat_repaired
from shared.bus.script import Argument, Call
from tests.model.server import Message, Server
from tests.unit.shared.fake_bus import FakeBus, checked

Work = Call | tuple[Argument, ...]
OnRun = Callable[[Call, Callable[[], tuple[Any, list[Message]]]], Any]
"""Runs a call by calling what it is given, and sees what comes of it."""


class StepEvent(asyncio.Event):
    """An event that is waited for without an event loop."""

    async def wait(self) -> Literal[True]:
        while not self.is_set():
            await _Waits(self)
        return True


class _Waits:
    """What a coroutine gives to whoever drives it."""

    def __init__(self, what: "StepEvent | Exchange") -> None:
        self._what = what

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self._what)


class BrokenError(AssertionError):
    """Something that must hold does not."""


class Exchange:
    """Script calls or commands that were sent together, answered together."""

    def __init__(self, work: Sequence[Work]) -> None:
        self.work = list(work)
        self.replies: list[Any] = []
        self.task: Task | None = None

    @property
    def is_done(self) -> bool:
        return len(self.replies) == len(self.work)


class Task:
    """A coroutine of a service, and what it waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._waits_for: StepEvent | Exchange | None = None
        self.is_over = False
        self.resume(None)

    @property
    def is_ready(self) -> bool:
        return isinstance(self._waits_for, StepEvent) and self._waits_for.is_set()

    def resume(self, value: object) -> None:
        self._go_on(lambda: self._coroutine.send(value))

    def fail(self, error: Exception) -> None:
        self._go_on(lambda: self._coroutine.throw(error))

    def close(self) -> None:
        self._coroutine.close()
        self.is_over = True

    def _go_on(self, first: Callable[[], Any]) -> None:
        try:
            waits_for = first()
            while waits_for is None or (isinstance(waits_for, StepEvent) and waits_for.is_set()):
                # None is a sleep of no length.
                waits_for = self._coroutine.send(None)
        except StopIteration:
            self.is_over = True
            return
        except BrokenError:
            raise
        except Exception as error:
            self.is_over = True
            raise BrokenError(f"a process ends: {error!r}") from error
        self._waits_for = waits_for
        if isinstance(waits_for, Exchange):
            waits_for.task = self


class StepBus(FakeBus):
    """The bus of one process: exchanges follow each other, as on the real one's connection.

    It repairs what it meets as `SingleServerBus` does.
    """

    def __init__(self, server: Server, on_run: OnRun) -> None:
        super().__init__()
        self._server = server
        self._on_run = on_run
        self._queue: deque[Exchange] = deque()
        self._is_lost = False

    @property
    def is_busy(self) -> bool:
        return bool(self._queue)

    @property
    def is_answered(self) -> bool:
        """Whether Redis has done what was sent, and the answer is on its way."""
        return bool(self._queue) and self._queue[0].is_done

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        if not calls:
            return []
        replies = await self._ask(calls)
        if any(isinstance(reply, ResponseError) for reply in replies):
            replies = await repeat_repaired(self._run_all, calls, replies)
        return replies if return_errors else raise_failed(replies)

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        replies = await self._ask([tuple(words) for words in commands])
        if not return_errors and await remove_broken_of(self._run_all, commands, replies):
            return await self.commands(commands)
        return checked(replies, return_errors=return_errors)

    async def _run_all(self, calls: Sequence[Call]) -> list[Any]:
        return await self.run(calls, return_errors=True)

    async def _ask(self, work: Sequence[Work]) -> list[Any]:
        exchange = Exchange(work)
        self._queue.append(exchange)
        replies: list[Any] = await _Waits(exchange)
        return replies

    def execute_next(self) -> None:
        """Have Redis do the next thing that was sent."""
        exchange = self._queue[0]
        if self._is_lost:
            self._is_lost = False
            for callback in self.reconnected:
                callback()
        work = exchange.work[len(exchange.replies)]
        if isinstance(work, Call):
            exchange.replies.append(self._result_of(work))
        else:
            # Commands only look, or say what is the same each time: they need no steps.
            commands = [words for words in exchange.work if not isinstance(words, Call)]
            exchange.replies += self._server.commands(commands, return_errors=True)

    def _result_of(self, call: Call) -> Any:
        try:
            return self._on_run(call, lambda: self._server.run(call))
        except ResponseError as error:
            return error

    def answer(self) -> None:
        """Let the answer of what is done arrive."""
        exchange = self._queue.popleft()
        assert exchange.task is not None
        exchange.task.resume(exchange.replies)

    def cut(self) -> list[Call]:
        """Lose the connection. Return the calls that Redis may still find in its buffers."""
        self._is_lost = True
        if not self._queue:
            return []
        exchange = self._queue.popleft()
        assert exchange.task is not None
        left = exchange.work[len(exchange.replies) :]
        exchange.task.fail(BusUnavailableError("cut"))
        return [work for work in left if isinstance(work, Call)]
