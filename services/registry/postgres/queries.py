"""Runs one statement and returns its rows as objects, or chunk by chunk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, LiteralString, TypeAlias, TypeVar

from psycopg import AsyncServerCursor, OperationalError
from psycopg.rows import AsyncRowFactory, class_row, scalar_row
from psycopg.sql import SQL, Composed

from services.registry.postgres.database import Connection

Row = TypeVar("Row")
Query: TypeAlias = LiteralString | SQL | Composed
Values: TypeAlias = Mapping[str, object]


async def fetch_all(
    connection: Connection, row: type[Row], query: Query, values: Values | None = None
) -> list[Row]:
    """Return all rows; ``row`` is made of the columns by their names."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


async def fetch_one(
    connection: Connection, row: type[Row], query: Query, values: Values | None = None
) -> Row | None:
    """Return the first row, or None."""
    return next(iter(await fetch_all(connection, row, query, values)), None)


async def fetch_changed(
    connection: Connection, row: type[Row], query: Query, values: Values
) -> Row:
    """Return the row of an INSERT or UPDATE … RETURNING that changes one row."""
    (changed,) = await fetch_all(connection, row, query, values)
    return changed


async def fetch_value(connection: Connection, query: Query, values: Values | None = None) -> Any:
    """Return the first column of the first row; None: there is no row."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


@contextlib.asynccontextmanager
async def server_cursor(
    connection: Connection, name: str, rows: AsyncRowFactory[Row]
) -> AsyncIterator[AsyncServerCursor[Row]]:
    """Yield a cursor that lives in the server: our memory holds one chunk at a time."""
    cursor = connection.cursor(name, row_factory=rows)
    try:
        yield cursor
    finally:
        try:
            await cursor.close()
        except (OperationalError, asyncio.CancelledError):
            # The connection has ended, which psycopg only finds out by this, or we are to end.
            # Both times it leaves the cursor open; now it has little or nothing more to send.
            await cursor.close()
            raise
