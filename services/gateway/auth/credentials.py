"""A device's credentials: reading what it presents and deciding on it, without I/O."""

import base64
import binascii
from collections.abc import Sequence
from enum import Enum
from typing import Literal

from pydantic import SecretStr
from websockets.datastructures import Headers, MultipleValuesError

from shared.contract.credentials import digest_of, is_among

Mode = Literal["off", "optional", "required"]


class Verdict(Enum):
    """What becomes of a handshake."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WAIT = "wait"
    """The directory is incomplete: it cannot be decided."""


def secret_in(headers: Headers, device_id: str) -> SecretStr:
    """Return the secret that a handshake presents, or an empty one if it presents none.

    HTTP Basic with the id as user (RFC 7617), or Bearer (RFC 6750). A secret with another
    device's id counts as none. The result is masked wherever it is printed.
    """
    return SecretStr(_read_secret(headers, device_id))


def _read_secret(headers: Headers, device_id: str) -> str:
    try:
        scheme, _, value = headers.get("Authorization", "").partition(" ")
    except MultipleValuesError:
        return ""
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                user, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                return ""
            return secret if colon and user == device_id else ""
    return ""


def decide(
    mode: Mode,
    registration: str,
    known: Sequence[str],
    *,
    complete: bool,
    key: SecretStr,
    device_id: str,
    secret: SecretStr,
) -> Verdict:
    """Decide on a device by the secret that it presented.

    Args:
        mode: ``required``: every device needs a right secret, and the answer to an
            unknown id is the same as to a wrong secret. ``optional``: devices that
            have a secret must present it; others need none.
        registration: ``registered``, ``unregistered`` or ``absent``.
        known: Digests of the device's secrets; only a registered one's count.
        complete: Whether the directory is complete. Until then an unknown id waits, so
            where secrets are required a wrong secret waits as well: the difference
            would tell which ids exist.
        key: Key of the digests.
        device_id: The id that the device claims.
        secret: The secret that it presented; empty: none.
    """
    # Always computed, so that the time reveals nothing.
    digests = known if registration == "registered" else ()
    digest = digest_of(key.get_secret_value(), device_id, secret.get_secret_value())
    right = is_among(digest, digests)
    if registration == "absent":
        return Verdict.WAIT
    if right or (mode == "optional" and not digests):
        return Verdict.ADMIT
    if mode == "required" and not complete:
        return Verdict.WAIT
    return Verdict.REFUSE
