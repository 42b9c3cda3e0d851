"""API keys in Postgres."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.access.keys import ANONYMOUS, NewKey, Role, StoredKey
from services.registry.errors import KeyEndedError, NameTakenError, NoSuchKeyError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_changed, fetch_one


class ShownKey(BaseModel):
    """A key, without what it is."""

    id: str = Field(description="The part of the key that is no secret", examples=["3f9a51c2d07e"])
    name: str = Field(description="Whose key it is", examples=["anna"])
    role: Role = Field(description="What one may do with it")
    booth: str | None = Field(
        description="The only booth that it is for; null: the whole hub", examples=["main-stage"]
    )
    created_at: datetime = Field(description="When it was made")
    last_used_at: datetime | None = Field(description="To the minute")
    expires_at: datetime | None = Field(description="When it ends by itself; null: never")
    replaced_at: datetime | None = Field(
        description="When another one took its place; null: it is the newest of its name"
    )
    revoked_at: datetime | None = Field(description="When it was revoked; null: it is valid")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a key, and what it is for."""

    name: str
    role: Role
    booth: str | None = None
    """The only one; None: the whole hub."""


_ROLE: Final = SQL("CASE WHEN opens_rentals THEN {} ELSE role END").format(Role.ATTENDANT.value)
"""An attendant is stored as a viewer who opens rentals: so an older registry knows the role."""
_COLUMNS: Final = SQL("""
    id, name, {role} AS role, booth, created_at, last_used_at, expires_at, replaced_at, revoked_at
""").format(role=_ROLE)

_INSERT: Final = SQL("""
    INSERT INTO api_keys (id, name, role, opens_rentals, booth, hash, expires_at)
    VALUES (
        %(id)s, %(name)s, %(role)s, %(opens_rentals)s, %(booth)s, %(hash)s,
        clock_timestamp() + %(valid_for)s
    )
    RETURNING {columns}
""").format(columns=_COLUMNS)

_SELECT: Final = SQL("SELECT {columns} FROM api_keys").format(columns=_COLUMNS)
_FIND: Final = _SELECT + SQL(" WHERE id = %(id)s")

_VALID: Final = SQL("""
    WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
""")
_VALID_HASHES: Final = SQL("SELECT id, hash, booth FROM api_keys") + _VALID
_ATTRIBUTED: Final = SQL("""
    EXISTS (
        SELECT FROM audit_log
        WHERE kind = 'api-key' AND subject = api_keys.id AND action = 'created'
          AND who <> {anonymous}
    )
""").format(anonymous=ANONYMOUS)
_OLDEST_FIRST: Final = SQL(" ORDER BY created_at, id")
_LIST: Final = _SELECT + _OLDEST_FIRST
_LIST_UNATTRIBUTED: Final = _SELECT + _VALID + SQL(" AND NOT ") + _ATTRIBUTED + _OLDEST_FIRST
_FIND_ATTRIBUTED_ADMIN: Final = (
    _SELECT + _VALID + SQL(" AND role = 'admin' AND ") + _ATTRIBUTED + _OLDEST_FIRST
)

# A key that is revoked twice keeps the first time.
_REVOKE: Final = SQL("""
    UPDATE api_keys
    SET revoked_at = coalesce(revoked_at, clock_timestamp())
    WHERE id = %(id)s
    RETURNING {columns}
""").format(columns=_COLUMNS)

_REVOKE_ALL: Final = (
    SQL("UPDATE api_keys SET revoked_at = clock_timestamp()")
    + _VALID
    + SQL(" RETURNING {columns}").format(columns=_COLUMNS)
)

# By the clock of Postgres, as all times of keys.
_FIND_STORED: Final = SQL("""
    SELECT clock_timestamp(), id, name, {role}, hash, expires_at, revoked_at, booth
    FROM (VALUES (1)) AS always
    LEFT JOIN api_keys ON id = %(id)s
""").format(role=_ROLE)

# The name of a key that has expired is free.
_REVOKE_EXPIRED: Final = """
    UPDATE api_keys
    SET revoked_at = expires_at
    WHERE name = %(name)s AND revoked_at IS NULL AND expires_at <= clock_timestamp()
"""

_REPLACE: Final = SQL("""
    UPDATE api_keys
    SET replaced_at = clock_timestamp(),
        expires_at = least(expires_at, clock_timestamp() + %(overlap)s)
    WHERE id = %(id)s AND revoked_at IS NULL AND replaced_at IS NULL
    RETURNING name, {role} AS role, booth
""").format(role=_ROLE)

# To the minute: a write for each request would cost more than the request.
_MARK_USED: Final = """
    UPDATE api_keys
    SET last_used_at = clock_timestamp()
    WHERE id = %(id)s
      AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""


async def create(
    connection: Connection, key: NewKey, holder: Holder, valid_for: timedelta
) -> ShownKey:
    """Store a new key.

    Raises:
        NameTakenError: A key that is valid has this name.
    """
    values = {
        "id": key.id,
        "name": holder.name,
        "role": (Role.VIEWER if holder.role is Role.ATTENDANT else holder.role).value,
        "opens_rentals": holder.role is Role.ATTENDANT,
        "booth": holder.booth,
        "hash": key.hash(holder.booth),
        "valid_for": valid_for,
    }
    await connection.execute(_REVOKE_EXPIRED, {"name": holder.name})
    try:
        return await fetch_changed(connection, ShownKey, _INSERT, values)
    except psycopg.errors.UniqueViolation as error:
        raise NameTakenError(
            f"{holder.name} has a key already. Renew or revoke that one, or take another name"
        ) from error


async def renew(
    connection: Connection, key_id: str, key: NewKey, valid_for: timedelta, overlap: timedelta
) -> ShownKey:
    """Store a new key in place of another one, which stays valid until the overlap ends.

    Raises:
        NoSuchKeyError: There is no key with this id.
        KeyEndedError: It was revoked, or replaced by another one.
    """
    holder = await fetch_one(connection, Holder, _REPLACE, {"id": key_id, "overlap": overlap})
    if holder is None:
        await find(connection, key_id)
        raise KeyEndedError(
            "this key was revoked, or renewed before. GET /keys lists the newest key of each name"
        )
    return await create(connection, key, replace(holder, role=Role(holder.role)), valid_for)


async def list_all(connection: Connection) -> list[ShownKey]:
    """Return all keys, the oldest first."""
    return await fetch_all(connection, ShownKey, _LIST)


async def list_unattributed(connection: Connection) -> list[ShownKey]:
    """Return the valid keys that no known operator made, as far as the audit log tells."""
    return await fetch_all(connection, ShownKey, _LIST_UNATTRIBUTED)


async def find_attributed_admin(connection: Connection) -> str | None:
    """Return the name of an admin with a valid key that a known operator made, or None."""
    found = await fetch_one(connection, ShownKey, _FIND_ATTRIBUTED_ADMIN)
    return found.name if found else None


async def find(connection: Connection, key_id: str) -> ShownKey:
    """Return a key.

    Raises:
        NoSuchKeyError: There is no key with this id.
    """
    return _must_be_there(await fetch_one(connection, ShownKey, _FIND, {"id": key_id}))


async def revoke(connection: Connection, key_id: str) -> ShownKey:
    """Revoke a key, for ever.

    Raises:
        NoSuchKeyError: There is no key with this id.
    """
    return _must_be_there(await fetch_one(connection, ShownKey, _REVOKE, {"id": key_id}))


async def revoke_all(connection: Connection) -> list[ShownKey]:
    """Revoke all keys that are valid, for ever."""
    return await fetch_all(connection, ShownKey, _REVOKE_ALL)


def _must_be_there(found: ShownKey | None) -> ShownKey:
    if found is None:
        raise NoSuchKeyError
    return found


async def find_stored(connection: Connection, key_id: str) -> tuple[StoredKey | None, datetime]:
    """Return what a presented key is compared with, or None, and the time in Postgres."""
    cursor = await connection.execute(_FIND_STORED, {"id": key_id})
    (row,) = await cursor.fetchall()
    now, found_id, name, role, hash_, expires_at, revoked_at, booth = row
    if found_id is None:
        return None, now
    stored = StoredKey(found_id, name, Role(role), bytes(hash_), expires_at, revoked_at, booth)
    return stored, now


async def valid_hashes(connection: Connection) -> dict[str, tuple[bytes, str | None]]:
    """Return the hash of each valid key, and its only booth, by its id."""
    cursor = await connection.execute(_VALID_HASHES)
    return {key_id: (bytes(hash_), booth) for key_id, hash_, booth in await cursor.fetchall()}


async def mark_used(connection: Connection, key_id: str) -> None:
    """Set when a key was last used to now."""
    await connection.execute(_MARK_USED, {"id": key_id})
