"""A wall clock that steps while the process that has it runs.

A small library of ours (``stepping_clock.c``) is preloaded into the process. It is built by the
system's C compiler at its first use. libfaketime does not do: with it a redis-server with jemalloc
calls itself without an end.
"""

import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tools.servers.installed import Programs
from tools.servers.open_server import MAY_BE_HARMED
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.redis.open import embedded_programs, open_redis_server
from tools.servers.redis.server import RedisServer
from tools.servers.server_options import ServerOptions
from tools.servers.server_source import ServerSource

_SOURCE: Final = Path(__file__).with_name("stepping_clock.c")
_CACHE: Final = Path(__file__).resolve().parents[2] / ".cache" / "faults"
_OFFSET: Final = struct.Struct("=q")
_COMPILERS: Final = ("cc", "gcc", "clang")


@cache
def unavailable_because() -> str | None:
    """Return why no clock can step here, or None."""
    if not sys.platform.startswith("linux"):
        return "a clock that steps needs Linux"
    if _compiler() is None:
        return "a clock that steps needs a C compiler (cc)"
    if ServerOptions.of_tests().forced is ServerSource.CONTAINERS:
        return "a clock that steps needs a redis-server program, not a container"
    return None


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, _COMPILERS)), None)


@cache
def _library() -> Path:
    """Return the library; build it, unless it is in the cache."""
    made_from = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    library = _CACHE / f"stepping-clock-{made_from}.so"
    if not library.exists():
        compiler = _compiler()
        assert compiler is not None, unavailable_because()
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
            made = Path(folder) / library.name
            flags = ["-std=gnu11", "-O2", "-shared", "-fPIC"]
            subprocess.run([compiler, *flags, "-o", made, _SOURCE], check=True)
            # In one step: another run may look for it at the same time.
            made.rename(library)
    return library


class SteppingClock:
    """The wall clock of the processes that are started with `environment`.

    Args:
        file: Where its offset is kept.
    """

    def __init__(self, file: Path) -> None:
        file.write_bytes(_OFFSET.pack(0))
        # Servers of ours may run as another user.
        file.chmod(0o644)
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _OFFSET.size)
        self.environment = {
            "LD_PRELOAD": str(_library()),
            "STEPPING_CLOCK_FILE": str(file),
        }

    @property
    def offset(self) -> float:
        """How far this clock is ahead of the machine's, in seconds."""
        (offset_us,) = _OFFSET.unpack(self._map[:])
        return float(offset_us / 1e6)

    @offset.setter
    def offset(self, seconds: float) -> None:
        # Eight bytes at once: no process reads half of them.
        self._map[:] = _OFFSET.pack(round(seconds * 1e6))


class SteppingRedis(EmbeddedRedis):
    """A Redis server process whose clock can step; its `clock` stays over restarts."""

    clock: SteppingClock

    def _prepare(self, programs: Programs) -> str:
        self.clock = SteppingClock(self.folder / "clock")
        self.environment = {**os.environ, **self.clock.environment}
        return super()._prepare(programs)


def spare_redis(why: str) -> EmbeddedRedis:
    """Start a Redis process, with a clock that can step where that is possible."""
    kind = SteppingRedis if unavailable_because() is None else EmbeddedRedis
    return kind(*embedded_programs(why))


def open_stepping_redis(options: ServerOptions) -> RedisServer:
    """Open a Redis of our own, for a booth."""
    if unavailable_because() is None:
        return spare_redis(MAY_BE_HARMED)
    return open_redis_server(options)
