"""Sessions of the console: a browser shows a cookie in place of an API key.

A session belongs to a key, may do what the key may, and ends with it, or after twelve hours. It
begins with the key itself, or with a code that an admin made for the key: good once, for five
minutes. Postgres has only hashes of sessions and codes, and no log has either.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Final

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value

SIGNING_IN: Final = "POST /session"
"""The one operation that takes a code, and that takes no cookie: a session makes no other one."""

COOKIE: Final = "chargelight"
"""Its name; with TLS it begins with `HOST_PREFIX`."""
HOST_PREFIX: Final = "__Host-"
"""No other host can set such a cookie, and browsers only take it with TLS (RFC 6265bis)."""

SESSION_LASTS: Final = timedelta(hours=12)
CODE_LASTS: Final = timedelta(minutes=5)

_MOST_OF_A_KEY: Final = 200
"""Beyond so many sessions of a key, the oldest ends."""

_CODE: Final = re.compile(r"clo_[A-Za-z0-9_-]{22}", re.ASCII)

_INSERT: Final = """
    INSERT INTO sessions (hash, key_id, expires_at)
    VALUES (%(hash)s, %(key_id)s, clock_timestamp() + %(lasts)s)
    RETURNING expires_at
"""
_END_OLDEST: Final = """
    DELETE FROM sessions
    WHERE hash IN (
        SELECT hash FROM sessions WHERE key_id = %(key_id)s
        ORDER BY created_at DESC OFFSET %(most)s
    )
"""
_FIND: Final = """
    SELECT key_id FROM sessions WHERE hash = %(hash)s AND expires_at > clock_timestamp()
"""
_ALL: Final = "SELECT hash, key_id FROM sessions WHERE expires_at > clock_timestamp()"
_INSERT_CODE: Final = """
    INSERT INTO sign_in_codes (hash, key_id, expires_at)
    VALUES (%(hash)s, %(key_id)s, clock_timestamp() + %(lasts)s)
    RETURNING expires_at
"""
_RECORD_CODE: Final = """
    INSERT INTO audit_log (who, action, kind, subject, details)
    VALUES (acting(), 'created', 'sign-in-code', %(key_id)s, '{}')
"""
# Of several who use it at the same moment, one gets the row.
_USE_CODE: Final = """
    DELETE FROM sign_in_codes WHERE hash = %(hash)s
    RETURNING CASE WHEN expires_at > clock_timestamp() THEN key_id END
"""
_REMOVE_EXPIRED: Final = (
    "DELETE FROM sessions WHERE expires_at <= clock_timestamp()",
    "DELETE FROM sign_in_codes WHERE expires_at <= clock_timestamp()",
)


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a code."""
    return _CODE.fullmatch(text) is not None


async def begin(connection: Connection, key_id: str) -> tuple[str, datetime]:
    """Begin a session; return what the browser keeps, and when the session ends."""
    session = secrets.token_urlsafe(32)
    values = {"hash": hash_of(session), "key_id": key_id, "lasts": SESSION_LASTS}
    ends = await fetch_value(connection, _INSERT, values)
    await connection.execute(_END_OLDEST, {"key_id": key_id, "most": _MOST_OF_A_KEY})
    return session, ends


async def find_key(connection: Connection, session: str) -> str | None:
    """Return the id of the key that a session belongs to; None: it has ended, or never was."""
    key_id: str | None = await fetch_value(connection, _FIND, {"hash": hash_of(session)})
    return key_id


async def key_of_each(connection: Connection) -> dict[bytes, str]:
    """Return the ids of the keys of all sessions, by what is stored of a session."""
    cursor = await connection.execute(_ALL)
    return {bytes(hash_): key_id for hash_, key_id in await cursor.fetchall()}


async def end(connection: Connection, session: str) -> None:
    """End a session, if it has not ended."""
    await connection.execute("DELETE FROM sessions WHERE hash = %s", (hash_of(session),))


async def make_code(connection: Connection, key_id: str) -> tuple[str, datetime]:
    """Make a code to begin a session of a key with, in a write transaction.

    Return it, and until when it is good. The audit log says who made it.
    """
    await connection.execute(_RECORD_CODE, {"key_id": key_id})
    code = f"clo_{secrets.token_urlsafe(16)}"
    values = {"hash": hash_of(code), "key_id": key_id, "lasts": CODE_LASTS}
    return code, await fetch_value(connection, _INSERT_CODE, values)


async def use_code(connection: Connection, code: str) -> str | None:
    """Return the id of the key that a code is for, this once; None: it is not good any more."""
    key_id: str | None = await fetch_value(connection, _USE_CODE, {"hash": hash_of(code)})
    return key_id


async def remove_expired(connection: Connection) -> None:
    """Remove what has ended."""
    for statement in _REMOVE_EXPIRED:
        await connection.execute(statement)


def hash_of(text: str) -> bytes:
    """Return the SHA-256 of what cannot be guessed."""
    return hashlib.sha256(text.encode()).digest()
