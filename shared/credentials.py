"""Secrets of devices: what stands in Redis for them, and how one is checked.

In the directory lies a keyed digest of each secret, never the secret: who reads
Redis can not connect as a device, and who does not have the key can not try
secrets against a copy of it. Checking one is fast, as it happens at every
handshake; the slow hash that protects a weak secret belongs into Postgres.
"""

import hashlib
import hmac
from collections.abc import Sequence

MINIMUM_KEY_LENGTH = 32


def digest_of(key: str, device_id: str, secret: str) -> str:
    """Return the digest of a device's secret: HMAC-SHA-256 (RFC 2104), in hex.

    The id is part of it, so that equal secrets of two devices do not look alike.
    """
    message = f"{device_id}\n{secret}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def is_among(digest: str, known: Sequence[str]) -> bool:
    """Tell whether a digest is among those known, in a time that does not tell which.

    A device has two for a while when its secret is rotated.
    """
    # Compared with itself reversed where nothing is known: an id without a secret,
    # or without a registration, takes as long as a wrong secret.
    found = [hmac.compare_digest(digest, other) for other in known or [digest[::-1]]]
    return any(found) and bool(known)
