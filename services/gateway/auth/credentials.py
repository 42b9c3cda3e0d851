"""A device's credentials: reading what it presents and deciding on it, without I/O."""

import base64
import binascii
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, NamedTuple

from pydantic import SecretStr
from websockets.datastructures import Headers, MultipleValuesError

from services.gateway.auth.certificates import CertificateOf, PeerCertificate
from shared.contract.credentials import Auth, is_any_among
from shared.contract.names import ChargerNames, WidgetNames

Mode = Literal["off", "optional", "required", "certificate"]
MODES_WITH_SECRETS: Final = ("optional", "required")


class Proof(NamedTuple):
    """The secret with which a connection was admitted without a certificate."""

    device_id: str
    names: ChargerNames | WidgetNames
    number: int
    """Of the credentials that it was among."""
    digests: tuple[str, ...]
    """One for each key: digests are made again when the key is changed. None: it needed no
    secret."""


class Verdict(Enum):
    """What becomes of a handshake."""

    ADMIT = "admit"
    REFUSE = "refuse"
    WAIT = "wait"
    """The directory is incomplete: it cannot be decided."""


class Presented(NamedTuple):
    """What a device presents to be let in."""

    secret: SecretStr
    """Empty: none."""
    certificate: PeerCertificate | None = None
    """Its own, or another device's; checked by TLS already."""


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
    auth: Auth = "any",
    certificate: CertificateOf = CertificateOf.NOBODY,
    complete: bool,
    digests: Sequence[str],
) -> Verdict:
    """Decide on a device by the secret that it presented.

    Args:
        mode: ``required``: every device needs a right secret or certificate, and the answer
            to an unknown id is the same as to a wrong secret. ``certificate``: the same, and a
            secret does not count. ``optional``: devices that have a secret must present it, or
            a certificate; others need none.
        registration: ``registered``, ``unregistered`` or ``absent``.
        known: Digests of the device's secrets; only a registered one's count.
        auth: What a registered device must prove itself with.
        certificate: Whose certificate it presented. With another device's nothing helps.
        complete: Whether the directory is complete. Until then an unknown id waits, so
            where secrets are required a wrong secret waits as well: the difference
            would tell which ids exist.
        digests: Those of the secret that it presented, one for each key. Always computed, also
            of no secret, so that the time reveals nothing.
    """
    counting = known if registration == "registered" else ()
    needs_certificate = "certificate" in {mode, auth}
    right = is_any_among(digests, counting) and not needs_certificate
    if certificate is CertificateOf.ANOTHER:
        return Verdict.REFUSE
    if registration == "absent":
        return Verdict.WAIT
    if certificate is CertificateOf.DEVICE:
        right = registration == "registered"
    if right or (mode == "optional" and not counting and not needs_certificate):
        return Verdict.ADMIT
    if mode != "optional" and not complete:
        return Verdict.WAIT
    return Verdict.REFUSE
