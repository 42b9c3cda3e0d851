"""Who a device says it is: reading its credentials and judging them, without I/O."""

import base64
import binascii
from collections.abc import Sequence
from enum import Enum
from typing import Literal

from pydantic import SecretStr
from websockets.datastructures import Headers, MultipleValuesError

from shared.contract.credentials import digest_of, is_among

Mode = Literal["off", "optional", "required"]


class Judgement(Enum):
    """What becomes of a handshake."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WAIT = "wait"
    """The directory is not there: nobody can be judged."""


def secret_in(headers: Headers, device_id: str) -> SecretStr:
    """Return the secret that a handshake presents, or an empty one if it presents none.

    HTTP Basic with the id as user (RFC 7617), or Bearer (RFC 6750). Another
    device's name with a secret is as good as none. It is masked wherever it is printed.
    """
    return SecretStr(_presented(headers, device_id))


def _presented(headers: Headers, device_id: str) -> str:
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


def judge(
    mode: Mode,
    registration: str,
    known: Sequence[str],
    *,
    complete: bool,
    key: SecretStr,
    device_id: str,
    secret: SecretStr,
) -> Judgement:
    """Judge a device by what it presented.

    Args:
        mode: ``required``: nobody without a right secret, and an unknown id hears
            the same as a wrong secret. ``optional``: devices that have a secret
            must present it; others need none.
        registration: ``registered``, ``unregistered`` or ``absent``.
        known: Digests of the device's secrets; only a registered one's count.
        complete: Whether the directory is all there. Until it is, an unknown id waits,
            so where secrets are required a wrong secret waits as well: nobody learns
            from the difference which ids exist.
        key: What digests are made with.
        device_id: Whom the device says it is.
        secret: What it presented; empty: nothing.
    """
    # Always computed, so that the time says nothing about what is known.
    digests = known if registration == "registered" else ()
    digest = digest_of(key.get_secret_value(), device_id, secret.get_secret_value())
    right = is_among(digest, digests)
    if registration == "absent":
        return Judgement.WAIT
    if right or (mode == "optional" and not digests):
        return Judgement.ADMIT
    if mode == "required" and not complete:
        return Judgement.WAIT
    return Judgement.REFUSE
