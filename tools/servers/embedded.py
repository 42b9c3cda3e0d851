"""A server as a process of ours: what Redis and Postgres have in common."""

import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from tools.servers.installed import Programs
from tools.servers.ports import free_port
from tools.servers.processes.supervised_process import SupervisedProcess
from tools.servers.unprivileged import temporary_folder
from tools.servers.wheels import NoServerError

START_SECONDS = 30.0
PORTS_TO_TRY = 5


class EmbeddedServer(ABC):
    """A server process with a port and a temporary folder of its own. Starts running.

    Args:
        name: part of the folder's name.
        programs: where its programs are.
        why: why this source was chosen, as half a sentence.
        user: (user id, group id) to run as; None means as ourselves.

    Raises:
        NoServerError: it does not start.
    """

    kill_signal = signal.SIGKILL
    """What ends it at once."""
    environment: Mapping[str, str] | None = None
    """Its environment variables; None means ours."""

    def __init__(
        self, name: str, programs: Programs, why: str, user: tuple[int, int] | None = None
    ) -> None:
        self._user = user
        self.folder = temporary_folder(name, user)
        self.log = self.folder / "log"
        self.port = free_port()
        self._process: SupervisedProcess | None = None
        try:
            version = self._prepare(programs)
            self.start()
            self._complete()
        except BaseException:
            self.close()
            raise
        self.description = f"embedded {version}, {programs.origin} ({why})"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "this server is not running"  # noqa: S101
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers. Does nothing to a running one."""
        if self._process is not None:
            return
        # Only the first start may take another port: later on, the address is known.
        for _ in range(1 if self.log.exists() else PORTS_TO_TRY):
            process = SupervisedProcess(
                self._command(),
                log=self.log,
                env=self.environment,
                cwd=self.folder,
                user=self._user,
                end_signal=self.kill_signal,
                remove_after_crash=[self.folder],
            )
            if self._came_up(process):
                self._process = process
                return
            self.port = free_port()
        raise NoServerError(
            f"{self._command()[0]} does not start; it said:\n{self.log.read_text()}"
        )

    def kill(self) -> None:
        """End it at once."""
        self._end(self.kill_signal)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def _prepare(self, programs: Programs) -> str:
        """Do what must be done before the first start; returns the program's name and version."""

    def _complete(self) -> None:  # noqa: B027 - not every server needs it
        """Do what must be done after the first start."""

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """The program and its arguments."""

    @abstractmethod
    def _is_ready(self, pid: int) -> bool:
        """Whether the process takes connections."""

    def _came_up(self, process: SupervisedProcess) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            # Another program may listen on our port: then ours is about to give up.
            if self._is_ready(process.pid) and process.poll() is None:
                return True
            time.sleep(0.005)
        process.end(self.kill_signal)
        return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.end(number)
            self._process = None
