"""Who a device says it is: reading its credentials and judging them, without I/O."""

import base64
import binascii
from collections.abc import Sequence
from enum import Enum
from typing import Literal

from websockets.datastructures import Headers, MultipleValuesError

from shared.credentials import digest_of, is_among

Mode = Literal["off", "optional", "required"]


class Judgement(Enum):
    """What becomes of a handshake."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WAIT = "wait"
    """The directory is not there: nobody can be judged."""


def secret_in(headers: Headers, device_id: str) -> str:
    """Return the secret that a handshake presents, or an empty text if it presents none.

    HTTP Basic with the id as user (RFC 7617), or Bearer (RFC 6750). Another
    device's name with a secret is as good as none.
    """
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
    mode: Mode, registration: str, known: Sequence[str], *, key: str, device_id: str, secret: str
) -> Judgement:
    """Judge a device by what it presented.

    Args:
        mode: ``required``: nobody without a right secret, and an unknown id hears
            the same as a wrong secret. ``optional``: devices that have a secret
            must present it; others need none.
        registration: ``registered``, ``unregistered`` or ``absent``.
        known: Digests of the device's secrets.
        key: What digests are made with.
        device_id: Whom the device says it is.
        secret: What it presented; empty: nothing.
    """
    # Always computed, so that the time says nothing about what is known.
    right = is_among(digest_of(key, device_id, secret), known)
    if registration == "absent":
        return Judgement.WAIT
    if right or (mode == "optional" and not known):
        return Judgement.ADMIT
    return Judgement.REFUSE
