"""Devices' secrets: their form, and how a device gets a new one. No I/O."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.contract.credentials import MINIMUM_SECRET_LENGTH

MIN_CHARACTERS: Final = MINIMUM_SECRET_LENGTH
MAX_CHARACTERS: Final = 256

MAX_VALID: Final = 5
"""Of one device, at the same time."""

_DAY: Final = 24 * 3600
DEFAULT_OVERLAP_SECONDS: Final = _DAY
MAX_OVERLAP_SECONDS: Final = 30 * _DAY
"""How long earlier secrets may stay valid."""

# No spaces: HTTP drops those at the end of a header.
PATTERN: Final = rf"^[!-~]{{{MIN_CHARACTERS},{MAX_CHARACTERS}}}$"
RULE: Final = (
    f"a secret is {MIN_CHARACTERS} to {MAX_CHARACTERS} printable ASCII characters, no spaces"
)

_SECRET: Final = re.compile(PATTERN[1:-1], re.ASCII)


def is_secret(text: str) -> bool:
    """Tell whether a text may be a device's secret; see `RULE`."""
    return _SECRET.fullmatch(text) is not None


def new_secret() -> str:
    """Make a secret: 192 random bits in 32 characters that need no escaping anywhere."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret as Postgres has it."""

    id: int
    """The greater, the newer."""
    hash: str = field(repr=False)
    digest: str = field(repr=False)
    key_fingerprint: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class PreparedSecret:
    """A secret, hashed and digested, that can become a device's newest one."""

    hash: str = field(repr=False)
    """The one that is stored already, if this secret is."""
    digest: str = field(repr=False)
    key_fingerprint: str

    def is_same_as(self, other: StoredSecret) -> bool:
        """Tell whether both are made of the same secret."""
        same_digest = hmac.compare_digest(self.digest, other.digest)
        return hmac.compare_digest(self.hash, other.hash) or (
            same_digest and self.key_fingerprint == other.key_fingerprint
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What makes a secret a device's newest one."""

    insert: bool
    """Whether it needs a new row."""
    update_digest: int | None
    """The row that only needs a new digest, because the key changed."""
    remove: tuple[int, ...]
    expire: tuple[int, ...]
    """Rows that expire when the overlap ends."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return self.insert or self.update_digest is not None or bool(self.remove + self.expire)


def change_to(
    new: PreparedSecret, stored: Sequence[StoredSecret], now: datetime, overlap: timedelta
) -> Change:
    """Work out how a secret becomes the newest one of a device with the ``stored`` ones.

    Those, the oldest first, stay valid until the overlap ends, or until they would have
    expired anyway; without an overlap they end at once. So a request that is repeated,
    because its answer was lost, locks no device out.
    """
    same = next((each for each in reversed(stored) if new.is_same_as(each)), None)
    is_newest = same is not None and same is stored[-1] and same.expires_at is None
    until = now + overlap
    earlier = [
        each
        for each in stored
        if each is not same
        and overlap > timedelta(0)
        and (each.expires_at is None or each.expires_at > now)
    ][1 - MAX_VALID :]
    kept = {each.id for each in earlier} | ({same.id} if same and is_newest else set())
    outdated = (
        same is not None
        and is_newest
        and (same.key_fingerprint, same.digest) != (new.key_fingerprint, new.digest)
    )
    return Change(
        # One of the earlier ones moves to the end: it is the newest from now on.
        insert=not is_newest,
        update_digest=same.id if same and outdated else None,
        remove=tuple(each.id for each in stored if each.id not in kept),
        expire=tuple(
            each.id for each in earlier if each.expires_at is None or each.expires_at > until
        ),
    )
