"""Writes all tables as they are at one moment."""

from typing import BinaryIO, Final

import psycopg
from psycopg.sql import SQL, Identifier

from services.registry.backup.backup_file import BackupWriter, Header
from services.registry.backup.refusal import RefusedError
from services.registry.backup.tables import (
    applied_migrations,
    columns_of_tables,
    last_numbers,
    refuse_other_schema,
)
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value

_LIMITS_AND_FORMATS: Final = (
    # An open transaction in psql may hold a lock: then say so, for a timer waits for an hour.
    "SET LOCAL lock_timeout = '5s';"
    # COPY writes times as any server reads them.
    "SET LOCAL datestyle TO ISO; SET LOCAL timezone TO 'UTC'"
)


async def take_backup(connection: Connection, file: BinaryIO) -> dict[str, int]:
    """Write a backup, and return the number of rows of each table.

    Writers are not held up, and rows are not kept in memory.

    Raises:
        RefusedError: The tables are of another version, or there are none.
    """
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute(_LIMITS_AND_FORMATS)
        try:
            migrations = await applied_migrations(connection)
        except psycopg.errors.UndefinedTable as error:
            raise RefusedError("the database has no tables of Chargelight") from error
        refuse_other_schema(migrations, "the database")
        # Sequences are not part of the snapshot. Read after it began, they are past all its rows.
        header = Header(
            taken_at=await fetch_value(
                connection, "SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SS') || ' UTC'"
            ),
            migrations=migrations,
            sequences=await last_numbers(connection),
        )
        writer = BackupWriter(file, header)
        rows = {}
        for table, columns in (await columns_of_tables(connection)).items():
            writer.begin_table(table, columns)
            query = SQL("COPY {} ({}) TO STDOUT").format(
                Identifier(table), SQL(", ").join(map(Identifier, columns))
            )
            async with connection.cursor() as cursor:
                async with cursor.copy(query) as copy:
                    async for block in copy:
                        writer.write(block)
                rows[table] = cursor.rowcount
            writer.end_table()
        writer.end()
    return rows
