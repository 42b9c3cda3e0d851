"""Bringing Postgres to the tables this version needs."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from services.registry.postgres.migrate import Migration, load, migrate
from shared.process.runtime import CannotServeError

ONE = Migration("0001_one.sql", "CREATE TABLE one (id int); CREATE TABLE two (id int);")
TWO = Migration("0002_two.sql", "ALTER TABLE two ADD COLUMN name text;")
BROKEN = Migration("0003_broken.sql", "CREATE TABLE three (id int); SELECT * FROM nowhere;")


async def _migrate(dsn: str, *migrations: Migration) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await migrate(connection, migrations)


async def _rows(dsn: str, query: bytes) -> list[Any]:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await (await connection.execute(query)).fetchall()


async def _applied(dsn: str) -> list[str]:
    return [name for (name,) in await _rows(dsn, b"SELECT name FROM schema_migrations ORDER BY 1")]


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: these tests make them."""
    return empty_postgres_dsn


async def test_migrating_twice_is_the_same_as_once(postgres_dsn: str) -> None:
    await _migrate(postgres_dsn, *load())
    await _migrate(postgres_dsn, *load())
    assert await _applied(postgres_dsn) == [migration.name for migration in load()]


async def test_registries_that_start_at_once_migrate_once(postgres_dsn: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(_migrate(postgres_dsn, *load()))
    assert await _applied(postgres_dsn) == [migration.name for migration in load()]


async def test_only_what_is_new_is_applied(postgres_dsn: str) -> None:
    await _migrate(postgres_dsn, ONE)
    await _migrate(postgres_dsn, ONE, TWO)
    assert await _rows(postgres_dsn, b"SELECT id, name FROM two") == []


async def test_a_file_changed_after_it_was_applied_is_refused(postgres_dsn: str) -> None:
    await _migrate(postgres_dsn, ONE)
    changed = Migration(ONE.name, ONE.text + " -- better")
    with pytest.raises(CannotServeError, match=r"0001_one\.sql was changed after it was applied"):
        await _migrate(postgres_dsn, changed, TWO)
    assert await _applied(postgres_dsn) == [ONE.name]


async def test_an_older_version_starts_on_newer_tables(postgres_dsn: str) -> None:
    await _migrate(postgres_dsn, ONE, TWO)
    await _migrate(postgres_dsn, ONE)
    assert await _applied(postgres_dsn) == [ONE.name, TWO.name]


async def test_a_migration_that_fails_leaves_nothing_behind(postgres_dsn: str) -> None:
    await _migrate(postgres_dsn, ONE)
    with pytest.raises(psycopg.errors.UndefinedTable):
        await _migrate(postgres_dsn, ONE, TWO, BROKEN)
    assert await _applied(postgres_dsn) == [ONE.name]
    tables = await _rows(postgres_dsn, b"SELECT tablename FROM pg_tables WHERE tablename = 'three'")
    assert tables == []
