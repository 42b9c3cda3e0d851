"""Puts a backup into the database, in one transaction.

The rows are first read into a schema of their own. There the migrations of the backup's version
make its tables, and the later ones bring them to ours, as they would have done with the original.
Only when the whole backup is read and its checksum is right, the rows of our tables are replaced.
Nobody else ever sees that schema: it does not outlive the transaction.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import psycopg
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from services.registry.backup.backup_file import BackupReader
from services.registry.backup.refusal import RefusedError
from services.registry.backup.tables import (
    NEVER_EMPTY,
    applied_migrations,
    columns_of_tables,
    last_numbers,
    refuse_other_schema,
)
from services.registry.postgres.database import Connection
from services.registry.postgres.listener import RESTORED
from services.registry.postgres.migrate import load, migrate
from services.registry.postgres.queries import fetch_value

_STAGING: Final = "chargelight_restore"
_LOCK_WAIT_SECONDS: Final = 10.0
_TABLE_WAIT_SECONDS: Final = 0.1

_LOCKED_LAST: Final = ("api_keys", "audit_log")
"""Each authorized request notes in ``api_keys`` when: locked only while their rows are replaced."""

# Whom an operator erased since the backup. With triggers: the audit log forgets them too.
_ERASE_AGAIN: Final = """
    DELETE FROM rentals
    WHERE id::text IN (SELECT subject FROM audit_log WHERE kind = 'erasure')
"""


async def restore(connection: Connection, reader: BackupReader, *, replace: bool) -> dict[str, int]:
    """Replace all rows by those of a backup, and return the number of each table's.

    It needs an open transaction of the caller, and lasts as long: until then no other writer
    changes the directory.

    Args:
        connection: In a transaction.
        reader: Of the backup, behind its header.
        replace: Whether the database may hold something.

    Raises:
        RefusedError: The backup is damaged or of another version, or the database holds
            something. Roll back.
    """
    refuse_other_schema(reader.header.migrations, "the backup")
    await _limit_waiting(connection, _LOCK_WAIT_SECONDS)
    await migrate(connection, load())
    refuse_other_schema(await applied_migrations(connection), "the database")
    tables = await columns_of_tables(connection)
    await _lock_directory(connection, [each for each in tables if each not in _LOCKED_LAST])
    if not replace:
        await _refuse_unless_empty(connection)
    own = await fetch_value(connection, "SELECT current_setting('search_path')")
    await connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(_STAGING)))
    await _set_search_path(connection, _STAGING)
    rows = await _stage(connection, reader)
    numbers = await last_numbers(connection)
    await _set_search_path(connection, own)
    await _lock_tables(connection, _LOCKED_LAST)
    if not replace:
        await _refuse_unless_empty(connection)
    await _replace_rows(connection, tables)
    await connection.execute(_ERASE_AGAIN)
    await raise_sequences(connection, numbers)
    await _record(connection, reader, rows)
    await connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(_STAGING)))
    return rows


async def raise_sequences(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Let each sequence go on behind the greater of its own last number and this one.

    Unlike all else this outlasts a rollback, which only leaves a gap.
    """
    for name, last in (await last_numbers(connection)).items():
        if numbers.get(name, 0) > last:
            await connection.execute("SELECT setval(%s::regclass, %s)", (name, numbers[name]))


async def _lock_directory(connection: Connection, tables: Iterable[str]) -> None:
    """Keep all others from writing the directory, not from reading it.

    A statement in psql locks its table before its trigger waits for the lock on the directory. To
    wait for that table with the lock on the directory in hand would be a deadlock. So both are
    taken, or none.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            async with connection.transaction():  # a savepoint, and with it the locks end
                await connection.execute("SELECT lock_directory()")
                await _limit_waiting(connection, _TABLE_WAIT_SECONDS)
                await _lock_tables(connection, tables)
                await _limit_waiting(connection, _LOCK_WAIT_SECONDS)
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(_TABLE_WAIT_SECONDS)
        else:
            return


async def _lock_tables(connection: Connection, tables: Iterable[str]) -> None:
    await connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_list(tables)))


async def _limit_waiting(connection: Connection, seconds: float) -> None:
    wait = f"{seconds * 1000:.0f}ms"
    await connection.execute("SELECT set_config('lock_timeout', %s, true)", (wait,))


async def _refuse_unless_empty(connection: Connection) -> None:
    for table in await columns_of_tables(connection):
        query = SQL("SELECT true FROM {} LIMIT 1").format(_name(table))
        if table != NEVER_EMPTY and await fetch_value(connection, query):
            raise RefusedError(
                f"the database is not empty (there are rows in {table}). To replace all of it, "
                "back it up first, then restore with --replace"
            )


async def _stage(connection: Connection, reader: BackupReader) -> dict[str, int]:
    """Read the backup into the tables of its version, then bring these to ours."""
    await migrate(connection, load()[: len(reader.header.migrations)])
    expected = await columns_of_tables(connection)
    # Triggers would draw numbers and record changes, as for any insertion.
    for table in expected:
        await _alter(connection, table, "DISABLE")
        # What the migration put into its table is in the backup, too.
        await connection.execute(SQL("DELETE FROM {}").format(_name(table)))
    rows: dict[str, int] = {}
    while (found := reader.next_table()) is not None:
        table, columns = found
        if table in rows or sorted(columns) != sorted(expected.get(table, [])):
            raise RefusedError("the backup is damaged: its tables are not those of its version")
        rows[table] = await _load_table(connection, reader, table, columns)
    if rows.keys() != expected.keys():
        raise RefusedError("the backup is damaged: a table is missing")
    await raise_sequences(connection, reader.header.sequences)
    for table in expected:
        await _alter(connection, table, "ENABLE")
    await migrate(connection, load())
    return rows


async def _load_table(
    connection: Connection, reader: BackupReader, table: str, columns: list[str]
) -> int:
    query = SQL("COPY {} ({}) FROM STDIN").format(_name(table), _list(columns))
    try:
        async with connection.cursor() as cursor:
            async with cursor.copy(query) as copy:
                for block in reader.rows():
                    await copy.write(block)
            return cursor.rowcount
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # Without Postgres' text, which quotes rows.
        raise RefusedError(
            f"the backup is damaged: Postgres does not take its rows of {table} ({error.sqlstate})"
        ) from None


async def _replace_rows(connection: Connection, tables: Mapping[str, list[str]]) -> None:
    # Nobody else writes while triggers are off: the tables are locked.
    for table in tables:
        await _alter(connection, table, "DISABLE")
    await _remove_audit_entries(connection)
    for table in list(tables)[-2::-1]:
        # Not TRUNCATE: a projection that reads an older snapshot would find nothing.
        await connection.execute(SQL("DELETE FROM {}").format(_name(table)))
    for table, columns in tables.items():
        await connection.execute(
            SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}").format(
                _name(table), _list(columns), _list(columns), Identifier(_STAGING, table)
            )
        )
    for table in tables:
        await _alter(connection, table, "ENABLE")


async def _remove_audit_entries(connection: Connection) -> None:
    """Remove the audit entries that the backup has too; what was done since stays on record.

    Of a database with another history, all: it lacks the backup's last entry, and not because
    its own old ones were pruned.
    """
    await connection.execute(
        SQL(
            """
            WITH last AS (SELECT id, at, who, subject FROM {} ORDER BY id DESC LIMIT 1)
            DELETE FROM audit_log
            WHERE id <= (SELECT id FROM last)
               OR NOT EXISTS (SELECT FROM audit_log JOIN last USING (id, at, who, subject))
                  AND (SELECT min(id) FROM audit_log) <= (SELECT id FROM last)
            """
        ).format(Identifier(_STAGING, "audit_log"))
    )


async def _record(connection: Connection, reader: BackupReader, rows: dict[str, int]) -> None:
    details: dict[str, Any] = {"taken_at": reader.header.taken_at, "rows": rows}
    await connection.execute(
        """
        INSERT INTO audit_log (who, action, kind, subject, details)
        VALUES (acting(), 'changed', 'database', 'restore', %s)
        """,
        (Jsonb(details),),
    )
    await connection.execute("SELECT pg_notify('directory_changed', %s)", (RESTORED,))


async def _alter(connection: Connection, table: str, word: Literal["DISABLE", "ENABLE"]) -> None:
    await connection.execute(SQL("ALTER TABLE {} {} TRIGGER USER").format(_name(table), SQL(word)))


async def _set_search_path(connection: Connection, path: str) -> None:
    await connection.execute("SELECT set_config('search_path', %s, true)", (path,))


def _name(table: str) -> Identifier:
    return Identifier(table)


def _list(names: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))
