"""Redis as a process of our own."""

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from tools.servers.installed import Programs
from tools.servers.ports import LOOPBACK, free_port
from tools.servers.process_state import wait_until_stopped
from tools.servers.redis import redis_line
from tools.servers.supervised_process import SupervisedProcess
from tools.servers.unprivileged import temporary_folder
from tools.servers.wheels import NoServerError

START_SECONDS = 15.0
SETTINGS = (
    # Refuse writes rather than drop what lights depend on: the services check this at their start.
    *("--maxmemory-policy", "noeviction"),
    # No snapshots and no log of its own accord: what survives a restart is the test's decision.
    *("--save", ""),
    *("--appendonly", "no"),
)
SNAPSHOT = "dump.rdb"


class EmbeddedRedis:
    """A Redis server process; see `redis_server.RedisServer`. Starts running.

    Args:
        programs: where redis-server is.
        why: why this way was chosen, as half a sentence.

    Raises:
        NoServerError: it does not start.
    """

    def __init__(self, programs: Programs, why: str) -> None:
        self.program = programs.folder / "redis-server"
        self.folder = temporary_folder("redis")
        self.log = self.folder / "log"
        self.port = free_port()
        self._process: SupervisedProcess | None = None
        try:
            self._version = self.version_of(programs)
            self.start()
        except BaseException:
            self.close()
            raise
        client = programs.folder / "redis-cli"
        self.command_line = f"{client if client.exists() else 'redis-cli'} -p {self.port}"
        self.description = f"embedded {self._version}, {programs.origin} ({why})"

    @property
    def url(self) -> str:
        """Its address; the same over restarts."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "this Redis is not running"  # noqa: S101
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self._process is not None:
            return
        # Only the first start may look for another port: later on, the address is known.
        for _ in range(1 if self.log.exists() else 5):
            process = self._run()
            if self._came_up(process):
                self._process = process
                # Loaded. It must not come back a second time, after a kill much later.
                (self.folder / SNAPSHOT).unlink(missing_ok=True)
                return
            self.port = free_port()
        raise NoServerError(f"{self.program} does not start; it said:\n{self.log.read_text()}")

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if self._process is None:
            return
        self.thaw()
        with suppress(OSError):  # it goes without an answer
            command = "SHUTDOWN SAVE" if keep_data else "SHUTDOWN NOSAVE"
            redis_line.ask(LOOPBACK, self.port, command, timeout_seconds=10)
        self._end(signal.SIGTERM)
        if not keep_data:
            (self.folder / SNAPSHOT).unlink(missing_ok=True)

    def save(self) -> None:
        """Take a snapshot for the next start."""
        answer = redis_line.ask(LOOPBACK, self.port, "SAVE", timeout_seconds=10)
        if answer != "+OK":
            raise OSError(f"Redis took no snapshot: {answer}")

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang."""
        assert self._process is not None, "a Redis that is not running can not hang"  # noqa: S101
        self._process.send(signal.SIGSTOP)
        wait_until_stopped(self._process.pid)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.end(number)
            self._process = None

    def _run(self) -> SupervisedProcess:
        where = ("--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self.folder))
        return SupervisedProcess(
            [self.program, *where, "--dbfilename", SNAPSHOT, *SETTINGS, *self.more_settings],
            log=self.log,
            remove_after_crash=[self.folder],
        )

    def _came_up(self, process: SupervisedProcess) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            # Another program may listen on our port: then ours is about to give up.
            if redis_line.is_ready(LOOPBACK, self.port) and process.poll() is None:
                return True
            time.sleep(0.005)
        process.end(signal.SIGKILL)
        return False

    @property
    def more_settings(self) -> Sequence[str]:
        """What another kind of server is started with besides."""
        return ()

    @staticmethod
    def version_of(programs: Programs) -> str:
        """Which version it is; "?" if it does not say.

        Raises:
            NoServerError: it can not be run.
        """
        program = programs.folder / "redis-server"
        try:
            said = subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoServerError(f"{program} can not be run: {error}") from error
        # Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=...
        return next(
            (word.removeprefix("v=") for word in said.split() if word.startswith("v=")), "?"
        )
