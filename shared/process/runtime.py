"""How every service process starts, stops and fails.

Exit codes: 0 stopped on request (SIGTERM, SIGINT) after draining, 1 a bug (also one that keeps
it from stopping in time), 2 wrong settings.
A lost Redis or Postgres does not end a process: services wait for it.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, NoReturn

from pydantic import SecretStr

from shared.process import logs
from shared.process.last_resort import LastResort
from shared.process.metrics import service
from shared.process.settings import Settings, SettingsType, WrongSettingsError
from shared.process.waiting import Stop, end_task, stop_on_signals
from shared.version import COMMIT, VERSION

EXIT_STOPPED: Final = 0
EXIT_BUG: Final = 1
EXIT_WRONG_SETTINGS: Final = 2

_GARBAGE_THRESHOLD: Final = 10_000
"""New objects after which Python collects the young ones; its default is 700."""

_TIDY_SECONDS: Final = 2.0
"""How long the background tasks may tidy up, all together, before they are cancelled again."""

_CLOSING_SECONDS: Final = 1.5
"""How long a process that has closed all it owns waits for what libraries left behind."""

_on_end: Final[ContextVar[Callable[[str], None] | None]] = ContextVar("on_end", default=None)
"""Called with the reason when something ends the process: from then on, its time is limited."""

_log = logs.get(__name__)


class CannotServeError(Exception):
    """The service cannot work as configured; the text says what to change."""


def main(
    settings_type: type[SettingsType],
    serve: Callable[[SettingsType, Stop], Awaitable[None]],
) -> NoReturn:
    """Run a service until it is asked to stop, then exit the process.

    Args:
        settings_type: Of the service; read from the environment.
        serve: Opens what the service owns, serves until the event is set, drains, closes,
            returns.
    """
    try:
        settings = settings_type.load()
    except WrongSettingsError as error:
        sys.stderr.write(f"{settings_type.service}: wrong settings\n{error}\n")
        sys.exit(EXIT_WRONG_SETTINGS)
    logs.configure(
        level=settings.log_level,
        output=settings.log_format,
        service=settings.service,
        instance_id=settings.instance_id,
    )
    service.BUILD.labels(settings_type.service, VERSION, COMMIT).set(1)
    # Called within the event loop, where the health listener answers.
    service.TASKS.set_function(lambda: float(len(asyncio.all_tasks())))
    service.UNSAFE_SETTINGS.set(len(settings.warnings))
    for warning in settings.warnings:
        _log.warning("a setting is not safe", reason=warning)
    sys.exit(_run(settings, serve))


def _run(settings: SettingsType, serve: Callable[[SettingsType, Stop], Awaitable[None]]) -> int:
    _collect_garbage_seldom()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        last_resort = LastResort(runner.get_loop())

        def on_end(reason: str) -> None:
            last_resort.end_within(settings.stop_seconds, EXIT_BUG, reason)

        async def serve_until_signalled() -> None:
            _on_end.set(on_end)
            await serve(settings, stop_on_signals(lambda: on_end("asked to stop")))

        code = EXIT_STOPPED
        try:
            runner.run(serve_until_signalled())
        # An OSError is nearly always a port that is taken: services wait for all else outside.
        except* (CannotServeError, OSError) as group:
            code = EXIT_WRONG_SETTINGS
            for error in _leaves(group):
                _log.error("cannot serve", reason=str(error))
        except* Exception:  # noqa: BLE001 - caught broadly once, here at the edge
            code = EXIT_BUG
            _log.exception("stopped by a bug")
        else:
            _log.info("stopped")
        # All that the service owns is closed. Now asyncio, and then Python, wait for threads of
        # libraries (one that resolves a name, say), and they would wait for ever.
        last_resort.end_within(_CLOSING_SECONDS, code, "all is closed")
    return code


def _collect_garbage_seldom() -> None:
    """Keep Python's garbage collector from stopping a busy process.

    A full collection looks at every object: 150 ms with 4,000 connections. What is imported by
    now stays for ever, so it is left out. Little else is in cycles, and readings on their way
    are no reason to collect.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_THRESHOLD, 10, 10)


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    # An error that passed through two tasks is there twice.
    return list(dict.fromkeys(found))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - Windows has none
    except ImportError:  # pragma: no cover
        return None
    return uvloop.new_event_loop


class Background:
    """The endless tasks of a process: each has a name and an owner, and its end is noticed.

    A task that raises, returns, or is cancelled before `stop` stops the process through its
    task group: a half-dead service is worse than a restarted one.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._on_end = _on_end.get()
        self._tasks: list[asyncio.Task[None]] = []
        self._first_ended = asyncio.get_running_loop().create_future()
        self._watcher = group.create_task(self._watch(), name="watch tasks")

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``work``, which never returns by itself, until `stop`."""
        task = self._group.create_task(work, name=name)
        task.add_done_callback(self._on_done)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Cancel the tasks, the youngest first, and wait until each has tidied up.

        All together have some seconds for that, and are then cancelled again. One that goes on
        all the same is left to the task group, and named in the log.
        """
        patient_until = time.monotonic() + _TIDY_SECONDS
        for task in (self._watcher, *reversed(self._tasks)):
            # The group reports what a task raises.
            if not await end_task(task, patient_until - time.monotonic()):
                _log.error("a task does not end", task=task.get_name())
        self._tasks.clear()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if self._on_end is not None:
            error = None if task.cancelled() else task.exception()
            self._on_end(f"the task {task.get_name()} ended: {error!r}")
        # If the task raised, the group has cancelled the watcher by now, and with it this
        # future.
        if not self._first_ended.done():
            self._first_ended.set_result(task.get_name())

    async def _watch(self) -> None:
        """Raise when a task ends in a way that a task group ignores: it returns, or is cancelled.

        A library may cancel a task by mistake. Wrapping each task would notice that too, but
        each wrapper would be resumed with its task.
        """
        name = await self._first_ended
        raise RuntimeError(f"the task {name} ended, which it never should")


def describe(settings: Settings) -> dict[str, object]:
    """Return the settings as fields of a log line, without those that may hold a password."""
    return {
        name: value
        for name, value in settings.model_dump().items()
        if not name.endswith(("_url", "_dsn", "_key", "instance_id"))
        and not isinstance(value, SecretStr)
    }
