"""Whose a device's certificate is, without I/O. TLS has checked that it is valid.

Or that it was: a session that is resumed is not checked again (RFC 8446 section 4.6.1).
"""

import ssl
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from shared.contract.devices import URN, Kind, urn_of

PeerCertificate = Mapping[str, Any]
"""As `ssl.SSLSocket.getpeercert` returns it."""


class CertificateOf(Enum):
    """Whose certificate a device presents."""

    NOBODY = "nobody"
    """It presents none."""
    DEVICE = "device"
    ANOTHER = "another"
    """Another device's, one that names no device, or one that has ended."""


def owner_of(
    certificate: PeerCertificate | None,
    kind: Kind,
    device_id: str,
    *,
    has_ca_per_kind: bool,
    now: float,
) -> CertificateOf:
    """Tell whether a certificate is that of a device, ``now`` (in seconds since 1970).

    Its names count (URIs, RFC 5280 section 4.2.1.6), which have the kind in them. If none of
    them is a device's, the subject's common name does, where the CA tells the kind.
    """
    if not certificate:
        return CertificateOf.NOBODY
    if ssl.cert_time_to_seconds(certificate["notAfter"]) < now:
        return CertificateOf.ANOTHER
    names = [
        name
        for type_, name in certificate.get("subjectAltName", ())
        if type_ == "URI" and name.startswith(URN)
    ]
    if names:
        is_own = urn_of(kind, device_id) in names
    else:
        is_own = has_ca_per_kind and list(_common_names(certificate)) == [device_id]
    return CertificateOf.DEVICE if is_own else CertificateOf.ANOTHER


def _common_names(certificate: PeerCertificate) -> Iterator[str]:
    for part in certificate.get("subject", ()):
        yield from (value for name, value in part if name == "commonName")
