"""The audit log as a file that a log shipper takes: one JSON object on each line.

At least once: after a crash or with a full disk the last lines may come again, the first of them
behind a part of one; their ``id`` tells. All writers of the audit log hold the lock on the
directory, so ids are committed in order, and reading on from the last one misses nothing. If all
ids are lower (a backup was restored), everything is sent again.

How far it came stands in a file beside it, so the file itself may be moved away at any time; it
is opened again for each batch.
"""

import asyncio
import json
import os
import random
from pathlib import Path
from typing import IO, Any, Final

from psycopg.rows import dict_row

from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

BATCH: Final = 1000
_LOOK_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 10.0

_SELECT: Final = """
    SELECT id, at, who, key_id, address, action, kind, subject, details, import_id, booth
    FROM audit_log
    WHERE id > CASE WHEN %(after)s <= (SELECT max(id) FROM audit_log) THEN %(after)s ELSE 0 END
    ORDER BY id
    LIMIT %(rows)s
"""

_log = logs.get(__name__)


class AuditFile:
    """Adds what is new in the audit log to a file, until it is cancelled."""

    def __init__(
        self, database: Database, path: Path, troubles: Troubles, rng: random.Random
    ) -> None:
        self._database = database
        self._path = path
        self._position = path.with_name(f"{path.name}.position")
        self._attempts = Attempts("audit file", troubles, rng)
        self._failures = RateLimitedLog(_log, "the audit file cannot be written")

    async def run(self) -> None:
        """Add what is new, every two seconds."""
        await self._database.migrated.wait()
        while True:
            pause = _LOOK_SECONDS
            async with self._attempts.attempt():
                try:
                    while await self.add_batch() == BATCH:
                        pass
                except (OSError, ValueError) as error:
                    self._failures.log(error)
                    pause = _RETRY_SECONDS
            await asyncio.sleep(pause)

    async def add_batch(self) -> int:
        """Add up to 1,000 entries; return how many.

        Raises:
            PostgresUnavailableError: Postgres is away.
            OSError: The file cannot be written.
            ValueError: What stands in the file of the position is no number.
        """
        after = await asyncio.to_thread(self._read_position)
        async with (
            self._database.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await cursor.execute(_SELECT, {"after": after, "rows": BATCH})
            entries = await cursor.fetchall()
        if entries:
            await asyncio.to_thread(self._append, entries)
        return len(entries)

    def _read_position(self) -> int:
        # Empty after a crash of the machine.
        return int(self._position.read_text() or 0) if self._position.exists() else 0

    def _append(self, entries: list[dict[str, Any]]) -> None:
        # For the owner alone: it says who has keys, and from where they are used.
        with open(self._path, "a+b", opener=_open_private) as file:
            _end_last_line(file)
            file.writelines(f"{json.dumps(each, default=str)}\n".encode() for each in entries)
            file.flush()
            os.fsync(file.fileno())
        new = self._position.with_name(f"{self._position.name}.new")
        new.write_text(str(entries[-1]["id"]))
        new.replace(self._position)


def _end_last_line(file: IO[bytes]) -> None:
    """Let the next line be one of its own: a full disk, or a crash, leaves a part of a line."""
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
