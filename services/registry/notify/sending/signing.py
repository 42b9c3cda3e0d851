"""The signature of a webhook's request: HMAC-SHA-256 over its timestamp, a dot and its body.

The timestamp is signed too: a receiver that refuses old ones cannot be told the same thing again
by someone who has overheard a request.
"""

import hashlib
import hmac
from typing import Final
from uuid import UUID

VERSION: Final = "v1"
EVENT_ID: Final = "Chargelight-Event-Id"
TIMESTAMP: Final = "Chargelight-Timestamp"
SIGNATURE: Final = "Chargelight-Signature"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return what stands in the header of the signature."""
    signed = f"{timestamp}.".encode() + body
    return f"{VERSION}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def headers(secret: str, event_id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a request.

    Args:
        secret: Shared with the receiver.
        event_id: The same at each attempt.
        timestamp: Of this attempt, in seconds since 1970.
        body: Of the request.
    """
    return {
        "Content-Type": "application/json",
        EVENT_ID: str(event_id),
        TIMESTAMP: str(timestamp),
        SIGNATURE: signature(secret, timestamp, body),
    }
