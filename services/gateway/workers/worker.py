"""One worker as its parent sees it: started, watched, restarted, ended."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.workers.combined_health import NOT_RUNNING, SILENT, STARTING, State
from services.gateway.workers.restarts import MOST_ENDS, WINDOW_SECONDS, Restarts
from shared.process import logs
from shared.process.runtime import EXIT_STOPPED, EXIT_WRONG_SETTINGS, CannotServeError
from shared.process.waiting import Stop

_log = logs.get(__name__)

_CHILD: Final = "services.gateway.worker_process"
_LOOPBACK: Final = "127.0.0.1"
_OK: Final = 200
_ANSWER_SECONDS: Final = 1.0
"""A load balancer checks every second, and does not wait longer than that."""
_WATCH_SECONDS: Final = 0.5
_HUNG_SECONDS: Final = 30.0
"""A worker that has not answered for so long is killed: its devices get no lights."""
_REFUSED_SECONDS: Final = 5.0
"""How long a worker that cannot serve any more is not restarted."""
_PATIENCE_SECONDS: Final = 10.0
"""How long a worker may take to end, beyond the time to leave and to drain."""


class WorkerFailedError(Exception):
    """A worker ends again and again, or did not end as it should."""


class _NoAnswerError(Exception):
    """The worker is not there, or does not answer in time."""


@dataclass(eq=False, repr=False)
class Worker:
    """One of the processes that share a gateway's ports."""

    number: int
    environment: Mapping[str, str]
    ending_seconds: float
    """How long it takes to leave and to drain."""
    restarts: Restarts
    on_end: Callable[[], None]
    """Called at each end that it was not asked for."""

    def __post_init__(self) -> None:
        self.state = State.unable(NOT_RUNNING)
        self._port = 0
        self._has_served = False

    async def keep(self, stop: Stop) -> None:
        """Keep it running until ``stop`` is set, then drain it and wait for its end.

        Raises:
            CannotServeError: It found that the settings are wrong, and never served. (Later it is
                Redis that has changed: that ends no process that serves.)
            WorkerFailedError: It ends again and again, or did not drain.
        """
        while not stop.is_set():
            code = await self._run_once(stop)
            self.state = State.unable(NOT_RUNNING)
            if code == EXIT_WRONG_SETTINGS and not self._has_served:
                raise CannotServeError(
                    f"worker {self.number} cannot serve; its own log line says why"
                )
            if stop.is_set():
                # By the signal itself: it did not handle signals yet.
                if code not in (EXIT_STOPPED, -signal.SIGTERM):
                    raise WorkerFailedError(f"worker {self.number} ended with {code}, not 0")
                return
            self.on_end()
            delay: float | None = _REFUSED_SECONDS
            if code != EXIT_WRONG_SETTINGS:
                delay = self.restarts.delay(time.monotonic())
            if delay is None:
                raise WorkerFailedError(
                    f"worker {self.number} ended {MOST_ENDS} times within {WINDOW_SECONDS:g} s"
                )
            _log.error("worker ended, restarting it", worker=self.number, code=code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay)

    async def metrics(self) -> bytes | None:
        """Return its metrics, or None if it does not answer."""
        try:
            status, body = await _get(self._port, "/metrics")
        except _NoAnswerError:
            return None
        return body if status == _OK else None

    async def _run_once(self, stop: Stop) -> int:
        """Start it, and return its exit code when it has ended, asked to or not."""
        # The kernel closes our end of the life line when we end, however that happens.
        life_line, our_end = os.pipe()
        try:
            process = await self._start(life_line)
        except OSError as error:
            # Not a wrong setting: this machine is out of processes or memory.
            os.close(our_end)
            raise WorkerFailedError(f"worker {self.number} cannot be started: {error}") from error
        finally:
            os.close(life_line)
        ended = asyncio.create_task(process.wait())
        watching = asyncio.create_task(self._watch(process))
        stopping = asyncio.create_task(stop.wait())
        hurrying = asyncio.create_task(_hurry(stop.again, our_end))
        try:
            await asyncio.wait([ended, watching, stopping], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()  # a bug of ours
            if not ended.done():
                _send(process, signal.SIGTERM)
                await asyncio.wait([ended], timeout=self.ending_seconds + _PATIENCE_SECONDS)
            if not ended.done():
                _log.error("worker does not end, killing it", worker=self.number)
                _send(process, signal.SIGKILL)
            return await ended
        finally:
            for task in (watching, stopping, hurrying):
                task.cancel()
            _send(process, signal.SIGKILL)
            os.close(our_end)

    async def _start(self, life_line: int) -> asyncio.subprocess.Process:
        self.state = State.unable(STARTING)
        # Listening before it runs: its port is known, and early requests wait.
        with socket.create_server((_LOOPBACK, 0)) as health:
            self._port = health.getsockname()[1]
            inherited = (health.fileno(), life_line)
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _CHILD, *map(str, inherited)),
                stdin=asyncio.subprocess.DEVNULL,
                env=self.environment,
                pass_fds=inherited,
            )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Keep its state, and kill it if it hangs."""
        answered_at = time.monotonic()
        answered = False
        while True:
            try:
                self.state = await self._request_state()
                answered_at, answered = time.monotonic(), True
                self._has_served |= self.state.not_accepting is None
            except _NoAnswerError:
                if answered:
                    self.state = State.unable(SILENT, hangs=True)
                if time.monotonic() - answered_at > _HUNG_SECONDS:
                    _log.error("worker does not answer, killing it", worker=self.number)
                    _send(process, signal.SIGKILL)
            await asyncio.sleep(_WATCH_SECONDS)

    async def _request_state(self) -> State:
        return State(
            not_ready=_reason(*await _get(self._port, "/readyz")),
            not_accepting=_reason(*await _get(self._port, "/accepting")),
        )


async def _get(port: int, path: str) -> tuple[int, bytes]:
    """Return HTTP status and body of a GET request.

    Raises:
        _NoAnswerError: There is none within a second.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: {_LOOPBACK}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(_LOOPBACK, port)
            try:
                writer.write(request.encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head.split(b" ", 2)[1]), body
    except (OSError, TimeoutError, IndexError, ValueError) as error:
        raise _NoAnswerError(str(error)) from error


def _reason(status: int, body: bytes) -> str | None:
    return None if status == _OK else body.decode(errors="replace").strip().removeprefix("no: ")


async def _hurry(again: asyncio.Event, life_line: int) -> None:
    """Tell a worker that leaves to wait no longer, once its parent is told so."""
    await again.wait()
    with contextlib.suppress(BrokenPipeError):  # it has ended
        os.write(life_line, b"!")


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
