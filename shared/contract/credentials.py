"""Secrets of devices: what Redis holds of them, and how one is checked.

Redis holds a keyed digest of each secret, never the secret. So a reader of Redis cannot
connect as a device, and without the key cannot try secrets against a copy. Checking a secret
is fast, as it happens at every handshake; the slow hash that protects a weak secret is in
Postgres only.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from shared.contract.full_when import REPORTED

MINIMUM_KEY_LENGTH = 32
MINIMUM_SECRET_LENGTH: Final = 16
"""Of a device's secret, in characters."""

KEY_RULE: Final = (
    f"it needs {MINIMUM_KEY_LENGTH} printable ASCII characters or more; make one with: openssl "
    "rand -hex 32"
)

KEY_AGREEMENT: Final = "CHARGELIGHT_CREDENTIAL_KEY (its fingerprint)"
"""The name under which instances compare the key's fingerprint."""

_FINGERPRINT_DIGITS: Final = 16


Auth = Literal["any", "certificate"]
"""What a device proves itself with: a secret or a certificate, or only a certificate."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Redis holds of a registered device's secrets (``{…NN}:credentials``).

    Each registered device has an entry, also without a secret. Without an entry, what the
    device must present is unknown.
    """

    number: int
    """Grows with each change; a lower one never replaces a higher one."""
    registered: int = 0
    """When the device was registered, in µs since 1970."""
    digests: list[str]
    """Of all its secrets. A digest made with a former key matches nothing, but shows that the
    device has a secret."""
    auth: Auth = "any"
    """What it must prove itself with; left out where it is ``any``."""
    full_when: str = REPORTED
    """What counts as full there (`shared.contract.full_when`). It is no pairing and no secret, but
    changes as rarely as these, and this number orders its changes, too."""


def is_key(text: str) -> bool:
    """Tell whether a text is long enough for a key, and can be typed and sent anywhere."""
    return len(text) >= MINIMUM_KEY_LENGTH and text.isascii() and text.isprintable()


def fingerprint_of(key: str) -> str:
    """Return 16 hex digits of a key: two keys can be compared without showing them."""
    made = hmac.new(key.encode(), b"chargelight credential key", hashlib.sha256)
    return made.hexdigest()[:_FINGERPRINT_DIGITS]


def digest_of(key: str, device_id: str, secret: str) -> str:
    """Return the digest of a device's secret: HMAC-SHA-256 (RFC 2104), in hex.

    The id is part of it, so that equal secrets of two devices do not look alike.
    """
    message = f"{device_id}\n{secret}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def is_any_among(digests: Sequence[str], known: Sequence[str]) -> bool:
    """Tell whether one of the digests is among those known, in a time that does not reveal which.

    A secret has a digest for each key that counts. A device has several secrets for a while when
    its secret is rotated.
    """
    # With nothing known each is compared with itself reversed: an id without a secret, or
    # without a registration, takes as long as a wrong secret.
    found = [
        hmac.compare_digest(digest, other)
        for digest in digests
        for other in known or [digest[::-1]]
    ]
    return any(found) and bool(known)
