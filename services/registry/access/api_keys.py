"""API keys in Postgres."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import class_row

from services.registry.access.keys import NewKey, Role
from services.registry.errors import NameTakenError
from services.registry.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored, without its text."""

    id: str
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_INSERT: Final = """
    INSERT INTO api_keys (id, name, role, hash)
    VALUES (%(id)s, %(name)s, %(role)s, %(hash)s)
    RETURNING id, name, role, created_at, last_used_at, revoked_at
"""

_LIST: Final = """
    SELECT id, name, role, created_at, last_used_at, revoked_at
    FROM api_keys
    ORDER BY created_at, id
"""

_FIND: Final = """
    SELECT id, name, role, created_at, last_used_at, revoked_at
    FROM api_keys
    WHERE id = %(id)s
"""

# A key that is revoked twice keeps the first time.
_REVOKE: Final = """
    UPDATE api_keys
    SET revoked_at = coalesce(revoked_at, clock_timestamp())
    WHERE id = %(id)s
    RETURNING id, name, role, created_at, last_used_at, revoked_at
"""

_FIND_VALID: Final = """
    SELECT name, role, hash
    FROM api_keys
    WHERE id = %(id)s AND revoked_at IS NULL
"""

# To the minute: a write for each request would cost more than the request.
_MARK_USED: Final = """
    UPDATE api_keys
    SET last_used_at = clock_timestamp()
    WHERE id = %(id)s
      AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""


async def create(connection: Connection, key: NewKey, name: str, role: Role) -> ApiKey:
    """Store a new key.

    Raises:
        NameTakenError: A key that is not revoked has this name.
    """
    values = {"id": key.id, "name": name, "role": role.value, "hash": key.hash}
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        try:
            await cursor.execute(_INSERT, values)
        except psycopg.errors.UniqueViolation as error:
            raise NameTakenError(
                f"{name} has a key already. Revoke that one first, or take another name"
            ) from error
        created = await cursor.fetchone()
    assert created is not None  # noqa: S101 - INSERT … RETURNING returns the row
    return created


async def list_all(connection: Connection) -> list[ApiKey]:
    """Return all keys, the oldest first."""
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(_LIST)
        return await cursor.fetchall()


async def find(connection: Connection, key_id: str) -> ApiKey | None:
    """Return a key, or None."""
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(_FIND, {"id": key_id})
        return await cursor.fetchone()


async def revoke(connection: Connection, key_id: str) -> ApiKey | None:
    """Revoke a key, for ever; None: there is none with this id."""
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(_REVOKE, {"id": key_id})
        return await cursor.fetchone()


async def find_valid(connection: Connection, key_id: str) -> tuple[str, Role, bytes] | None:
    """Return name, role and hash of a key that is not revoked, or None."""
    cursor = await connection.execute(_FIND_VALID, {"id": key_id})
    row = await cursor.fetchone()
    return (row[0], Role(row[1]), bytes(row[2])) if row else None


async def mark_used(connection: Connection, key_id: str) -> None:
    """Set when a key was last used to now."""
    await connection.execute(_MARK_USED, {"id": key_id})
