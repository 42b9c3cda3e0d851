"""Redis, or Valkey, as a process of our own."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.servers.credentials import ADMIN, SERVICES, write_secret
from tools.servers.embedded import EmbeddedServer
from tools.servers.installed import REDIS_SERVERS, Programs
from tools.servers.ports import LOOPBACK
from tools.servers.redis import inline_commands
from tools.servers.redis.configuration import configuration
from tools.servers.wheels import NoServerError

SNAPSHOT = "dump.rdb"


class EmbeddedRedis(EmbeddedServer):
    """A Redis server process; see `server.RedisServer` and `EmbeddedServer`. Starts running.

    Args:
        programs: where its program is.
        why: why this source was chosen, as half a sentence.
        settings: further lines of its configuration.
    """

    def __init__(self, programs: Programs, why: str, settings: Sequence[str] = ()) -> None:
        self.program = server_program(programs)
        self._settings = settings
        super().__init__("redis", programs, why)

    @property
    def url(self) -> str:
        """Its address; the same over restarts."""
        return f"redis://{SERVICES.at(f'{LOOPBACK}:{self.port}')}/0"

    @property
    def admin_url(self) -> str:
        """The same as a user who may do everything."""
        return f"redis://{ADMIN.at(f'{LOOPBACK}:{self.port}')}/0"

    def start(self) -> None:
        """Start it, and wait until it answers. Does nothing to a running one."""
        if self._process is None:
            super().start()
            # Loaded. It must not come back a second time, after a kill much later.
            self._remove_snapshot()

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if self._process is None:
            return
        self.thaw()
        inline_commands.shut_down(self._socket, keep_data=keep_data)
        self._end(signal.SIGTERM)
        if not keep_data:
            self._remove_snapshot()

    def save(self) -> None:
        """Take a snapshot for the next start."""
        inline_commands.save(self._socket)

    def freeze(self) -> None:
        """Suspend it."""
        assert self._process is not None, "a Redis that does not run cannot freeze"  # noqa: S101
        self._process.freeze()

    def thaw(self) -> None:
        """Resume it."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def _prepare(self, programs: Programs) -> str:
        where = (f"bind {LOOPBACK}", f'dir "{self.folder}"', f"dbfilename {SNAPSHOT}")
        # For ourselves: another program that listens on our port would learn the password.
        socket = f'unixsocket "{self._socket}"'
        text = configuration(*where, socket, *self._settings)
        write_secret(self._configuration, text)
        return " ".join(version_of(programs))

    @property
    def _configuration(self) -> Path:
        return self.folder / "redis.conf"

    @property
    def _socket(self) -> Path:
        return self.folder / "socket"

    def _command(self) -> list[str | Path]:
        return [self.program, self._configuration, "--port", str(self.port)]

    def _is_ready(self, _pid: int) -> bool:
        return inline_commands.is_ready(self._socket)

    def _remove_snapshot(self) -> None:
        (self.folder / SNAPSHOT).unlink(missing_ok=True)


def server_program(programs: Programs) -> Path:
    """The server among the programs."""
    candidates = [programs.folder / name for name in REDIS_SERVERS]
    return next((path for path in candidates if path.exists()), candidates[0])


def version_of(programs: Programs) -> tuple[str, str]:
    """The server's name and version: ("Redis", "7.0.15").

    Raises:
        NoServerError: it cannot be run.
    """
    program = server_program(programs)
    try:
        printed = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoServerError(f"{program} cannot be run: {error}") from error
    # Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=...
    words = printed.split()
    version = next((word.removeprefix("v=") for word in words if word.startswith("v=")), "?")
    return words[0] if words else "?", version
