"""Secrets of devices: what stands in Redis for them, and how one is checked.

In the directory lies a keyed digest of each secret, never the secret: who reads
Redis can not connect as a device, and who does not have the key can not try
secrets against a copy of it. Checking one is fast, as it happens at every
handshake; the slow hash that protects a weak secret is in Postgres only.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

MINIMUM_KEY_LENGTH = 32

KEY_AGREEMENT: Final = "CHARGELIGHT_CREDENTIAL_KEY (its fingerprint)"
"""Under which name instances agree on the key."""

_FINGERPRINT_DIGITS: Final = 16


class Credentials(msgspec.Struct, frozen=True):
    """What Redis holds of a registered device's secrets (``{pNN}:credentials``).

    It is there for each registered device, also for one without any secret: if it
    is missing, nobody knows what the device must present.
    """

    number: int
    """Grows with each change; a lower one never replaces a higher one."""
    digests: list[str]
    """Of all its secrets. Those made with a former key fit nothing, but say that the
    device has a secret."""


def is_key(text: str) -> bool:
    """Tell whether a text may be the key of the digests."""
    return len(text) >= MINIMUM_KEY_LENGTH and text.isascii() and text.isprintable()


def fingerprint_of(key: str) -> str:
    """Return what a key is compared by where it must not be seen: 16 hex digits."""
    made = hmac.new(key.encode(), b"chargelight credential key", hashlib.sha256)
    return made.hexdigest()[:_FINGERPRINT_DIGITS]


def digest_of(key: str, device_id: str, secret: str) -> str:
    """Return the digest of a device's secret: HMAC-SHA-256 (RFC 2104), in hex.

    The id is part of it, so that equal secrets of two devices do not look alike.
    """
    message = f"{device_id}\n{secret}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def is_among(digest: str, known: Sequence[str]) -> bool:
    """Tell whether a digest is among those known, in a time that does not tell which.

    A device has several for a while when its secret is rotated.
    """
    # Compared with itself reversed where nothing is known: an id without a secret,
    # or without a registration, takes as long as a wrong secret.
    found = [hmac.compare_digest(digest, other) for other in known or [digest[::-1]]]
    return any(found) and bool(known)
