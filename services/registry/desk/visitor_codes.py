"""Codes of visitors' pages, in Postgres. No log has one."""

import re
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_one, fetch_value

_BYTES: Final = 16
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)

# Two who ask at the same moment get the same. A collection waits, and then removes the code.
_MAKE: Final = """
    INSERT INTO visitor_codes (rental, code)
    SELECT id, %(code)s FROM rentals WHERE id = %(rental)s AND collected_at IS NULL FOR SHARE
    ON CONFLICT (rental) DO NOTHING
"""
_CODE_OF: Final = "SELECT code FROM visitor_codes WHERE rental = %(rental)s"

# One that was left by an older registry, or by hand, has ended all the same.
_FIND: Final = """
    SELECT rentals.id, charger_id AS charger, pairing_number
    FROM visitor_codes
    JOIN rentals ON rentals.id = rental
    WHERE code = %(code)s AND collected_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """The rental that a code is of."""

    id: UUID
    charger: str
    pairing_number: int


async def make(connection: Connection, rental: UUID) -> str | None:
    """Return the code of an open rental, the first time a new one; None: it is not open."""
    values = {"rental": rental, "code": secrets.token_urlsafe(_BYTES)}
    await connection.execute(_MAKE, values)
    code: str | None = await fetch_value(connection, _CODE_OF, {"rental": rental})
    return code


async def find(connection: Connection, code: str) -> Visit | None:
    """Return the open rental that a code is of; None: there is none, or it has ended."""
    return await fetch_one(connection, Visit, _FIND, {"code": code})


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a code."""
    return _CODE.fullmatch(text) is not None
