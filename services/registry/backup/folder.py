"""The folder of backups that are taken on a timer. What is in it says when the last one was."""

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

_NAME: Final = "hub-%Y-%m-%dT%H-%M-%SZ.backup"
_UNFINISHED: Final = ".hub-*.backup.*"
_ABANDONED_SECONDS: Final = 3600.0
"""A file that is written is changed all the time. Untouched for so long, its writer was killed."""


class Schedule(NamedTuple):
    """Where, how often, and how many backups are kept."""

    folder: Path
    every_seconds: float
    keep: int


class Backup(NamedTuple):
    """A backup that was written whole."""

    path: Path
    at: datetime
    """When it was begun, by the clock of the registry that took it."""
    bytes: int


class BackupFolder:
    """A folder of one hub. All methods raise `OSError`, and may wait for the disk.

    A backup of the future was taken while a clock was wrong. It neither counts as the newest one
    nor takes another one's place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def file_of(self, now: datetime) -> Path:
        """Return where to write a backup that is taken now."""
        return self._path / now.strftime(_NAME)

    def newest(self, now: datetime) -> Backup | None:
        """Return the newest backup."""
        return max(self._backups(now), key=lambda each: each.at, default=None)

    def tidy(self, keep: int, now: datetime) -> None:
        """Remove all but the newest backups, and what killed processes left behind."""
        backups = sorted(self._backups(now), key=lambda each: each.at)
        for each in backups[:-keep]:
            each.path.unlink(missing_ok=True)
        for path in self._path.glob(_UNFINISHED):
            with contextlib.suppress(FileNotFoundError):  # another registry was faster
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    def _backups(self, now: datetime) -> list[Backup]:
        found = []
        for path in self._path.iterdir():
            try:
                at = datetime.strptime(path.name, _NAME).replace(tzinfo=UTC)
                size = path.stat().st_size
            except (ValueError, FileNotFoundError):
                continue  # a file of others, or one that another registry has just removed
            if at <= now:
                found.append(Backup(path, at, size))
        return found
