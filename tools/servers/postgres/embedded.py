"""Postgres as a process of our own."""

import os
import shutil
import signal
import subprocess
import time

from tools.servers.installed import Programs
from tools.servers.ports import LOOPBACK, free_port
from tools.servers.postgres.databases import create_database
from tools.servers.supervised_process import SupervisedProcess
from tools.servers.unprivileged import temporary_folder, user_for_postgres, within_reach
from tools.servers.wheels import NoServerError

START_SECONDS = 30.0
USER = DATABASE = "chargelight"
SETTINGS = (
    # Data that lives as long as a test need not survive a power cut.
    *("-c", "fsync=off"),
    *("-c", "full_page_writes=off"),
    # Many services at once, each with a pool.
    *("-c", "max_connections=200"),
    # TCP only: nothing to leave behind in /tmp or /var/run.
    *("-c", "unix_socket_directories="),
)


class EmbeddedPostgres:
    """A Postgres server process; see `postgres_server.PostgresServer`. Starts running.

    As root it runs as `nobody`, since it refuses to be root.

    Args:
        programs: where initdb and postgres are.
        why: why this way was chosen, as half a sentence.

    Raises:
        NoServerError: it does not start.
    """

    def __init__(self, programs: Programs, why: str) -> None:
        self._user = user_for_postgres()
        self.folder = temporary_folder("postgres", self._user)
        self.log = self.folder / "log"
        self.port = free_port()
        self._data = self.folder / "data"
        self._process: SupervisedProcess | None = None
        try:
            self._programs = (
                programs.folder if self._user is None else within_reach(programs, self.folder)
            )
            version = self._run_to_end("postgres", "--version").split()[2]
            self._prepare()
            self.start()
            create_database(f"postgresql://{USER}@{LOOPBACK}:{self.port}/postgres", DATABASE)
        except BaseException:
            self.close()
            raise
        self.description = f"embedded {version}, {programs.origin} ({why})"

    @property
    def dsn(self) -> str:
        """Its address; the same over restarts. Any password will do."""
        return f"postgresql://{USER}:{USER}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "this Postgres is not running"  # noqa: S101
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        if self._process is not None:
            return
        # Only the first start may look for another port: later on, the address is known.
        for _ in range(1 if self.log.exists() else 5):
            process = self._run()
            if self._came_up(process):
                self._process = process
                return
            self.port = free_port()
        raise NoServerError(f"{self._programs}/postgres does not start: {self.log.read_text()}")

    def stop(self) -> None:
        """Stop it in an orderly way ("fast": without waiting for those who are connected)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, all its processes ("immediate": like a crash, but nothing is left)."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self) -> None:
        self._run_to_end(
            "initdb",
            *("-D", str(self._data), "-U", USER, "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "-N", "--no-instructions"),
        )

    def _run_to_end(self, program: str, *arguments: str) -> str:
        user, group = self._user or (None, None)
        try:
            return subprocess.run(
                [self._programs / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
                user=user,
                group=group,
                extra_groups=None if self._user is None else [],
                cwd=self.folder,
                env=_environment(),
            ).stdout
        except OSError as error:
            raise NoServerError(f"{self._programs / program} can not be run: {error}") from error
        except subprocess.CalledProcessError as error:
            raise NoServerError(f"{program} failed: {error.stdout}") from error

    def _run(self) -> SupervisedProcess:
        where = ("-D", str(self._data), "-h", LOOPBACK, "-p", str(self.port))
        return SupervisedProcess(
            [self._programs / "postgres", *where, *SETTINGS],
            log=self.log,
            env=_environment(),
            cwd=self.folder,
            user=self._user,
            # SIGKILL would leave a shared memory segment behind.
            end_signal=signal.SIGQUIT,
            remove_after_crash=[self.folder],
        )

    def _came_up(self, process: SupervisedProcess) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self._says_ready(process.pid):
                return True
            time.sleep(0.01)
        process.end(signal.SIGQUIT)
        return False

    def _says_ready(self, pid: int) -> bool:
        # What pg_ctl looks at: line 1 is the process id (an older file may stand there still),
        # line 8 says "ready" once connections are taken.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.end(number)
            self._process = None


def _environment() -> dict[str, str]:
    # Not ours: PGPORT, PGDATA and the like would be obeyed, and the home folder is another user's.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
