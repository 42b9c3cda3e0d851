"""Server programs that are on this machine already."""

import shutil
from dataclasses import dataclass
from pathlib import Path

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
"""Debian and Ubuntu keep Postgres' server programs here, by version and off the PATH."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A server's programs.

    Attributes:
        folder: where they are.
        origin: where they come from, as half a sentence.
        ours: out of a wheel that we have unpacked, so of known layout and free to be copied.
    """

    folder: Path
    origin: str
    ours: bool = False


def installed_redis() -> Programs | None:
    """The redis-server on the PATH."""
    found = shutil.which("redis-server")
    return None if found is None else Programs(Path(found).parent, "on the PATH")


def installed_postgres() -> Programs | None:
    """The Postgres server on the PATH, or the newest one that Debian keeps off it."""
    found = shutil.which("postgres")
    if found is not None:
        # A link may stand alone on the PATH; initdb stands beside what it points to.
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
