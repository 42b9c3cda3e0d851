"""Everything that a database of ours can hold: to put it in, and to read it."""

import io
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from services.registry.backup.backup_file import BackupReader
from services.registry.backup.restore import restore
from services.registry.backup.take_backup import take_backup
from services.registry.postgres.migrate import load, migrate

By = AsyncConnection[TupleRow]

SECRETS = ("a1" * 32, "$argon2id$v=19$oneofthehashes", "ticket-of-a-visitor", "0badc0de")
"""What no output may show: a digest, hashes, a ticket."""

# A label with all that COPY writes in another way, and a line that looks like its end.
_DEVICES = r"""
    INSERT INTO chargers (id, label) VALUES
        ('c1', E'tab\there, line\nhere, back\\slash\n\\.\nend ☀'), ('c2', ''), ('c3', 'door');
    INSERT INTO widgets (id, location) VALUES ('w1', 'bar'), ('w2', ''), ('w3', '');
    INSERT INTO pairings (charger_id, widget_id) VALUES ('c1', 'w1'), ('c2', 'w2');
    DELETE FROM chargers WHERE id = 'c3';
"""
_REST = f"""
    INSERT INTO booths (id, name) VALUES ('tower', 'Tower');
    UPDATE chargers SET booth = 'tower' WHERE id = 'c1';
    INSERT INTO charger_secrets (device_id, hash, digest, key_fingerprint, expires_at)
        VALUES ('c1', '{SECRETS[1]}', '{SECRETS[0]}', 'f1', now()),
               ('c1', '{SECRETS[1]}', '{SECRETS[0]}', 'f1', NULL);
    INSERT INTO widget_secrets (device_id, hash, digest, key_fingerprint)
        VALUES ('w1', '{SECRETS[1]}', '{SECRETS[0]}', 'f1');
    INSERT INTO api_keys (id, name, role, hash) VALUES ('k1', 'ann', 'admin', '\\x{SECRETS[3]}');
    INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number)
        VALUES (gen_random_uuid(), 'c1', 'w1', '{SECRETS[2]}', 3);
"""  # noqa: S608 - our own constants


async def fill(connection: By, *, migrations: int | None = None) -> None:
    """Make the tables of a version of the schema, and put rows into each."""
    await migrate(connection, load()[:migrations])
    await connection.execute(_DEVICES.encode())
    if migrations is None:
        await connection.execute(_REST.encode())


NOT_KEPT = {
    *("outbox_events", "outbox_deliveries", "raised_conditions", "judging_registry"),
    *("sessions", "sign_in_codes"),
    *("rental_levels", "visitor_codes"),
}
"""What is on its way, who is signed in, what is drawn as charts and visitors' pages are in no
backup."""


async def tables_in(connection: By) -> list[str]:
    """Return the tables that a backup has: not unlogged ones, which a crash empties."""
    cursor = await connection.execute(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relpersistence = 'p' "
        "AND relnamespace = current_schema()::regnamespace ORDER BY 1"
    )
    return [table for (table,) in await cursor.fetchall() if table not in NOT_KEPT]


async def content(connection: By, *, without: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return all rows of all tables, but those of some columns, and the sequences."""
    found = {}
    for table in await tables_in(connection):
        query = SQL("SELECT to_jsonb(t) - %s::text[] FROM {} AS t ORDER BY 1")
        cursor = await connection.execute(query.format(Identifier(table)), (list(without),))
        found[table] = [row for (row,) in await cursor.fetchall()]
    for migration in found.get("schema_migrations", []):
        del migration["applied_at"]
    cursor = await connection.execute("SELECT sequencename, last_value FROM pg_sequences")
    found["sequences"] = sorted(await cursor.fetchall())
    return found


async def back_up(connection: By) -> bytes:
    file = io.BytesIO()
    await take_backup(connection, file)
    return file.getvalue()


async def put_back(connection: By, backup: bytes, *, replace: bool = False) -> None:
    async with connection.transaction():
        await restore(connection, BackupReader(io.BytesIO(backup)), replace=replace)
