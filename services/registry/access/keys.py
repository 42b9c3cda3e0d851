"""API keys: their form, and how a key is recognised. No I/O.

A key is ``clk_ID_SECRET``. The id is public; of the secret only a hash is stored.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.registry.postgres.actor import Actor

PREFIX: Final = "clk"
"""Makes a key in the wrong place (a log, a repository) easy to find."""

_FORM: Final = re.compile(r"clk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class Role(StrEnum):
    """What an operator may do; each role includes those before it."""

    VIEWER = "viewer"
    """Look at everything but API keys."""
    ATTENDANT = "attendant"
    """Open and close rentals."""
    OPERATOR = "operator"
    """Change devices, pairings, rentals and devices' secrets."""
    ADMIN = "admin"
    """Create, renew and revoke API keys."""

    def includes(self, other: "Role") -> bool:
        """Tell whether this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Operator(Actor):
    """A person or program that sends requests."""

    role: Role
    booth: str | None = field(default=None, kw_only=True)
    """The only one that the key is for; None: the whole hub."""


ANONYMOUS: Final = "anonymous"
"""The operator of all requests where no key is required: an admin."""

RESERVED_NAMES: Final = frozenset({ANONYMOUS, "bootstrap-admin", "nobody", "postgres", "registry"})
"""Names in the audit log that are no operator's, in small letters."""


class KeyFault(StrEnum):
    """Why a key is not accepted."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as Postgres has it."""

    id: str
    name: str
    role: Role
    hash: bytes = field(repr=False)
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    booth: str | None = None
    """The only one that it is for; None: the whole hub."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its text is never stored."""

    id: str
    text: str

    def hash(self, booth: str | None = None) -> bytes:
        """Return what is stored of it, if it is only for a booth."""
        return hash_of(self.text, booth)


def new_key() -> NewKey:
    """Make a key with 256 random bits."""
    identifier = secrets.token_hex(6)
    return NewKey(identifier, f"{PREFIX}_{identifier}_{secrets.token_urlsafe(32)}")


def id_in(key: str) -> str | None:
    """Return the id in a key, or None for what is no key."""
    found = _FORM.fullmatch(key)
    return found[1] if found else None


def hash_of(key: str, booth: str | None = None) -> bytes:
    """Return the SHA-256 of a key (FIPS 180-4); fast, because a key cannot be guessed.

    That of a key for a booth covers the booth: an older registry, which would not limit it, does
    not recognise it.
    """
    text = key if booth is None else f"{key} {booth}"
    return hashlib.sha256(text.encode()).digest()


def fault_of(key: str, stored: StoredKey | None, now: datetime) -> KeyFault | None:
    """Return why a key is not accepted now, or None if it is.

    Only who has the whole key is told that it was valid once.
    """
    if stored is None or not hmac.compare_digest(hash_of(key, stored.booth), stored.hash):
        return KeyFault.UNKNOWN
    return end_of(stored, now)


def end_of(stored: StoredKey, now: datetime) -> KeyFault | None:
    """Return why a key is not valid any more now, or None if it is."""
    if stored.revoked_at is not None:
        return KeyFault.REVOKED
    if stored.expires_at is not None and stored.expires_at <= now:
        return KeyFault.EXPIRED
    return None
