"""What a backup holds of the schema: its tables, their columns, the sequences."""

from collections.abc import Sequence
from typing import Final

from services.registry.backup.refusal import RefusedError
from services.registry.postgres.database import Connection
from services.registry.postgres.migrate import load

TABLES: Final = (
    "booths",
    "chargers",
    "widgets",
    "pairings",
    "unregistered",
    "last_draw",
    "rentals",
    "charger_secrets",
    "widget_secrets",
    "api_keys",
    "audit_log",
)
"""All but ``schema_migrations``, ``staged_rows``, sessions, the outbox, the history of rentals and
visitors' codes, each behind those that it refers to. The audit log is the last: triggers write it,
so it is also locked last."""

NEVER_EMPTY: Final = "last_draw"
"""Its only row is made with the table."""


async def columns_of_tables(connection: Connection) -> dict[str, list[str]]:
    """Return the columns of each of `TABLES` that is there, in this order."""
    cursor = await connection.execute(
        """
        SELECT table_name::text, array_agg(column_name::text ORDER BY ordinal_position)
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = ANY(%s)
        GROUP BY table_name
        """,
        (list(TABLES),),
    )
    found: dict[str, list[str]] = dict(await cursor.fetchall())
    return {table: found[table] for table in TABLES if table in found}


async def last_numbers(connection: Connection) -> dict[str, int]:
    """Return the last number of each sequence, 0: none was drawn."""
    cursor = await connection.execute(
        "SELECT sequencename::text, coalesce(last_value, 0) FROM pg_sequences "
        "WHERE schemaname = current_schema()"
    )
    return dict(await cursor.fetchall())


async def applied_migrations(connection: Connection) -> list[tuple[str, str]]:
    """Return name and checksum of each migration that was applied, in order."""
    cursor = await connection.execute("SELECT name, checksum FROM schema_migrations ORDER BY name")
    return [(name, checksum) for name, checksum in await cursor.fetchall()]


def refuse_other_schema(applied: Sequence[tuple[str, str]], where: str) -> None:
    """Raise `RefusedError` unless this version's migrations begin with these."""
    own = [(migration.name, migration.checksum) for migration in load()]
    for each in applied:
        if each not in own:
            raise RefusedError(
                f"{where} is of a newer version: {each[0]} is not known here. Use that version"
            )
    if not applied or list(applied) != own[: len(applied)]:
        raise RefusedError(f"{where} has tables that no version of Chargelight made")
