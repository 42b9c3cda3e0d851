"""Postgres as a process of our own."""

import os
import signal
import subprocess
from pathlib import Path

from tools.servers.credentials import ADMIN, write_secret
from tools.servers.embedded import EmbeddedServer
from tools.servers.installed import Programs
from tools.servers.ports import LOOPBACK
from tools.servers.postgres.databases import admin_dsn_at, create_first_database, dsn_at
from tools.servers.unprivileged import reachable_folder, user_for_postgres
from tools.servers.wheels import NoServerError

SETTINGS = (
    # Data that lives as long as a test need not survive a power cut.
    *("-c", "fsync=off"),
    *("-c", "full_page_writes=off"),
    # Many services at once, each with a pool.
    *("-c", "max_connections=200"),
    # TCP only: no socket files in /tmp or /var/run.
    *("-c", "unix_socket_directories="),
    # In files of its own folder: those in /dev/shm are open to every program of the same user.
    *("-c", "dynamic_shared_memory_type=mmap"),
)


class EmbeddedPostgres(EmbeddedServer):
    """A Postgres server process; see `server.PostgresServer` and `EmbeddedServer`.

    As root it runs as `nobody`, because Postgres refuses to run as root: see `unprivileged`.
    """

    # "Immediate": like a crash. SIGKILL would leave a shared memory segment behind.
    kill_signal = signal.SIGQUIT
    # Not ours: Postgres would obey PGPORT, PGDATA and others, and HOME is another user's.
    environment = {  # noqa: RUF012 - never changed
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
    }

    def __init__(self, programs: Programs, why: str) -> None:
        super().__init__("postgres", programs, why, user_for_postgres())

    @property
    def dsn(self) -> str:
        """Its address; the same over restarts."""
        return dsn_at(LOOPBACK, self.port)

    @property
    def admin_dsn(self) -> str:
        """The same as a superuser."""
        return admin_dsn_at(LOOPBACK, self.port)

    def stop(self) -> None:
        """Stop it in an orderly way ("fast": without waiting for open connections)."""
        self._end(signal.SIGINT)

    def _prepare(self, programs: Programs) -> str:
        self._data = self.folder / "data"
        self._programs = (
            programs.folder if self._user is None else reachable_folder(programs, self.folder)
        )
        version = self._run_to_end("postgres", "--version").split()[2]
        password = self.folder / "password"
        write_secret(password, ADMIN.password, self._user)
        self._run_to_end(
            "initdb",
            *("-D", str(self._data), "-U", ADMIN.name),
            *("-A", "scram-sha-256", "--pwfile", str(password)),
            *("-E", "UTF8", "--locale=C", "-N", "--no-instructions"),
        )
        password.unlink()
        return f"Postgres {version}"

    def _complete(self) -> None:
        create_first_database(LOOPBACK, self.port)

    def _command(self) -> list[str | Path]:
        where = ("-D", str(self._data), "-h", LOOPBACK, "-p", str(self.port))
        return [self._programs / "postgres", *where, *SETTINGS]

    def _is_ready(self, pid: int) -> bool:
        # What pg_ctl reads: line 1 is the process id (an older file may still be there), and
        # line 8 says "ready" once it takes connections.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004

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
                env=self.environment,
            ).stdout
        except OSError as error:
            raise NoServerError(f"{self._programs / program} cannot be run: {error}") from error
        except subprocess.CalledProcessError as error:
            raise NoServerError(f"{program} failed: {error.stdout}") from error
