"""Takes backups on a timer: one registry at a time, and each counts the age of the newest one.

The age stands in the folder, not in memory: so it is right after a restart, and the same for all
registries that share the folder. If two of them take a backup at the same time, there is one more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from services.registry import metrics
from services.registry.backup.folder import Backup, BackupFolder, Schedule
from services.registry.backup.in_child import BackupFailedError, take_in_child
from services.registry.hub.view import BackupsLook
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_LOOK_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 60.0
"""After a failure, but no longer than until the next backup would be due anyway."""

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class BackupTimer:
    """Takes backups until it is cancelled.

    A failure makes the registry no less ready: operators can work, and older backups stay.
    """

    schedule: Schedule
    is_my_turn: Callable[[], bool]
    """Tells whether this registry takes the backups now."""
    take: Callable[[Path], Awaitable[None]] = take_in_child
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self._newest: Backup | None = None
        self._folder = BackupFolder(self.schedule.folder)
        self._failures = RateLimitedLog(_log, "no backup can be taken")
        metrics.BACKUP_INTERVAL.set(self.schedule.every_seconds)

    def look(self) -> BackupsLook:
        """Return what was found when it was last looked."""
        found = self._newest
        return BackupsLook(
            self.schedule.every_seconds, found and found.at, found.bytes if found else None
        )

    async def run(self) -> None:
        """Look every few seconds whether a backup is due, and take it."""
        while True:
            pause = _LOOK_SECONDS
            try:
                await self.look_once()
            except (OSError, BackupFailedError) as error:
                metrics.BACKUP_FAILURES.inc()
                self._failures.log(error)
                pause = _RETRY_SECONDS
            await asyncio.sleep(min(pause, self.schedule.every_seconds))

    async def look_once(self) -> None:
        """Take a backup if it is due and this registry's turn.

        Raises:
            BackupFailedError: It could not be taken.
            OSError: The folder cannot be read or written.
        """
        await self._look()
        now = self.clock()
        if self.is_my_turn() and self._is_due(now):
            file = self._folder.file_of(now)
            await self.take(file)
            await asyncio.to_thread(self._folder.tidy, self.schedule.keep, now)
            await self._look()
            _log.info("backup taken", file=str(file), bytes=self.look().bytes)

    async def _look(self) -> None:
        self._newest = await asyncio.to_thread(self._folder.newest, self.clock())
        metrics.BACKUP_TIMESTAMP.set(self._newest.at.timestamp() if self._newest else 0)
        metrics.BACKUP_BYTES.set(self._newest.bytes if self._newest else 0)

    def _is_due(self, now: datetime) -> bool:
        if self._newest is None:
            return True
        return (now - self._newest.at).total_seconds() >= self.schedule.every_seconds
