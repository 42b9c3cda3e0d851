"""API keys in Postgres."""

from datetime import datetime
from typing import Final

import psycopg
from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.access.keys import NewKey, Role
from services.registry.errors import NameTakenError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_changed, fetch_one


class ShownKey(BaseModel):
    """A key, without what it is."""

    id: str = Field(description="The part of the key that is no secret")
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None


_INSERT: Final = """
    INSERT INTO api_keys (id, name, role, hash)
    VALUES (%(id)s, %(name)s, %(role)s, %(hash)s)
    RETURNING id, name, role, created_at, last_used_at, revoked_at
"""

_SELECT: Final = SQL("SELECT id, name, role, created_at, last_used_at, revoked_at FROM api_keys")
_LIST: Final = _SELECT + SQL(" ORDER BY created_at, id")
_FIND: Final = _SELECT + SQL(" WHERE id = %(id)s")

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


async def create(connection: Connection, key: NewKey, name: str, role: Role) -> ShownKey:
    """Store a new key.

    Raises:
        NameTakenError: A key that is not revoked has this name.
    """
    values = {"id": key.id, "name": name, "role": role.value, "hash": key.hash}
    try:
        return await fetch_changed(connection, ShownKey, _INSERT, values)
    except psycopg.errors.UniqueViolation as error:
        raise NameTakenError(
            f"{name} has a key already. Revoke that one first, or take another name"
        ) from error


async def list_all(connection: Connection) -> list[ShownKey]:
    """Return all keys, the oldest first."""
    return await fetch_all(connection, ShownKey, _LIST)


async def find(connection: Connection, key_id: str) -> ShownKey | None:
    """Return a key, or None."""
    return await fetch_one(connection, ShownKey, _FIND, {"id": key_id})


async def revoke(connection: Connection, key_id: str) -> ShownKey | None:
    """Revoke a key, for ever; None: there is none with this id."""
    return await fetch_one(connection, ShownKey, _REVOKE, {"id": key_id})


async def find_valid(connection: Connection, key_id: str) -> tuple[str, Role, bytes] | None:
    """Return name, role and hash of a key that is not revoked, or None."""
    cursor = await connection.execute(_FIND_VALID, {"id": key_id})
    row = await cursor.fetchone()
    return (row[0], Role(row[1]), bytes(row[2])) if row else None


async def mark_used(connection: Connection, key_id: str) -> None:
    """Set when a key was last used to now."""
    await connection.execute(_MARK_USED, {"id": key_id})
