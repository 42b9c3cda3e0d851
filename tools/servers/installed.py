"""Server programs that are on this machine already."""

import shutil
from dataclasses import dataclass
from pathlib import Path

REDIS_SERVERS = ("redis-server", "valkey-server")

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
"""Debian and Ubuntu keep Postgres' server programs here, by version and off the PATH."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A server's programs.

    Attributes:
        folder: where they are.
        origin: where they come from, as half a sentence.
        ours: from a wheel that we unpacked: of known layout, and free to be copied.
    """

    folder: Path
    origin: str
    ours: bool = False


def installed_redis() -> Programs | None:
    """The Redis or Valkey server on the PATH."""
    found = next(filter(None, map(shutil.which, REDIS_SERVERS)), None)
    return None if found is None else Programs(Path(found).parent, "on the PATH")


def installed_postgres() -> Programs | None:
    """The Postgres server on the PATH, or the newest one that Debian keeps off it."""
    found = shutil.which("postgres")
    if found is not None:
        # The PATH may hold a link to this program alone; initdb stands beside its target.
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return Programs(folder, "on the PATH")
    versions = [
        initdb.parent
        for initdb in DEBIAN_POSTGRES.glob("*/bin/initdb")
        if (initdb.parent / "postgres").exists() and initdb.parts[-3].isdecimal()
    ]
    if not versions:
        return None
    newest = max(versions, key=lambda folder: int(folder.parts[-2]))
    return Programs(newest, f"in {newest}")
