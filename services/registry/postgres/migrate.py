"""Brings Postgres to the tables that this version needs.

Numbered files of plain SQL, applied in order, once, forward only. All pending
ones run in one transaction under an advisory lock: several registries may start
at once, and a file that fails leaves nothing behind.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.registry.postgres.database import WAIT_SECONDS, Connection
from services.registry.postgres.queries import fetch_value
from shared.process import logs
from shared.process.runtime import CannotServeError

MIGRATIONS: Final = Path(__file__).with_name("migrations")

_CREATE: Final = """
    CREATE TABLE schema_migrations (
        name       text        PRIMARY KEY,
        checksum   text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""

_NAME: Final = re.compile(r"\d{4}_[a-z0-9_]+\.sql", re.ASCII)
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; line ends count as one newline, whatever git made of them."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """Read the migrations of a folder in order.

    Raises:
        CannotServeError: A file is not named ``NNNN_words.sql``, or two have one number.
    """
    paths = sorted(folder.glob("*.sql"))
    numbers = [path.name[:4] for path in paths]
    for path in paths:
        if not _NAME.fullmatch(path.name) or numbers.count(path.name[:4]) > 1:
            raise CannotServeError(
                f"the migration {path.name} needs a name NNNN_words.sql with a number of its own"
            )
    return [Migration(path.name, path.read_text(encoding="utf-8")) for path in paths]


def select_unapplied(
    migrations: Sequence[Migration], applied: Mapping[str, str]
) -> list[Migration]:
    """Return the migrations that are not applied yet.

    ``applied`` has the checksums of those that are, by name.

    Raises:
        CannotServeError: An applied file was changed since.
    """
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise CannotServeError(
                f"the migration {migration.name} was changed after it was applied to this "
                "database. Restore the file, and put the change into a new one"
            )
    return [migration for migration in migrations if migration.name not in applied]


async def migrate(connection: Connection, migrations: Sequence[Migration]) -> list[str]:
    """Apply the migrations that are not applied yet, on a connection in autocommit mode.

    Migrations that this version does not know are fine: during a rolling update
    an older registry may start after a newer one has migrated.

    Returns:
        The names of those that this version does not know.

    Raises:
        CannotServeError: An applied file was changed since.
        psycopg.Error: A migration failed, or Postgres went away.
    """
    async with connection.transaction():
        # Fail instead of hanging, and try again: a transaction may hold a table for long.
        await connection.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'".encode())
        # Arbitrary, but not the key of `lock_directory`.
        await connection.execute("SELECT pg_advisory_xact_lock(726002)")
        # Made only where it is missing: to find nothing to do needs no right to make tables.
        if await fetch_value(connection, "SELECT to_regclass('schema_migrations')") is None:
            await connection.execute(_CREATE)
        cursor = await connection.execute("SELECT name, checksum FROM schema_migrations")
        applied: dict[str, str] = dict(await cursor.fetchall())
        for migration in select_unapplied(migrations, applied):
            await connection.execute(migration.text.encode())
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)",
                (migration.name, migration.checksum),
            )
            _log.info("migration applied", name=migration.name)
    return sorted(applied.keys() - {migration.name for migration in migrations})
