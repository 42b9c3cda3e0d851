"""Certificates and revocation lists (RFC 5280), without I/O. All keys are on the curve P-256."""

import contextlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH

_DNS_NAME: Final = re.compile(
    r"(\*\.)?(?=.{1,253}$)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE
)
_HASH: Final = hashes.SHA256()
_CLOCKS_DIFFER: Final = timedelta(hours=1)
"""A certificate is valid so long before now: a device's clock may be late."""
_LIST_LASTS: Final = timedelta(days=3650)
"""A list that has ended lets no device in, and nobody renews one at a festival."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is for.

    Attributes:
        name: The subject's common name.
        usages: `SERVER`, `CLIENT`, or both.
        names: Of a server, or of a device.
        lasts: For how long it is valid; never longer than its CA's.
    """

    name: str
    usages: Sequence[x509.ObjectIdentifier]
    names: Sequence[x509.GeneralName]
    lasts: timedelta


def new_authority(name: str, now: datetime, lasts: timedelta) -> Issued:
    """Return the certificate of a new CA, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key.public_key(), now, lasts)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = _usage(signs_certificates=True)
    return Issued(builder.add_extension(usage, critical=True).sign(key, _HASH), key)


def issue(authority: Issued, wanted: Wanted, now: datetime) -> Issued:
    """Return a certificate and its new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    lasts = min(wanted.lasts, issuer.not_valid_after_utc - now)
    builder = _builder(wanted.name, issuer.subject, key.public_key(), now, lasts)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage(wanted.usages), False),
        (x509.SubjectAlternativeName(wanted.names), False),
        (_issued_by(authority), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Issued(builder.sign(authority.key, _HASH), key)


def revocation_list(
    authority: Issued, revoked: Sequence[x509.RevokedCertificate], now: datetime
) -> x509.CertificateRevocationList:
    """Return a list of all certificates that are revoked."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - _CLOCKS_DIFFER)
        .next_update(now + _LIST_LASTS)
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1_000_000)), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )
    for each in revoked:
        builder = builder.add_revoked_certificate(each)
    return builder.sign(authority.key, _HASH)


def revoked(certificate: x509.Certificate, now: datetime) -> x509.RevokedCertificate:
    """Return the entry of a certificate in a revocation list."""
    builder = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
    return builder.revocation_date(now).build()


def host_name(text: str) -> x509.GeneralName:
    """Return the name of a server: a DNS name (RFC 1123 section 2.1) or an IP address.

    Raises:
        ValueError: It is neither; a scheme or a port is no part of it.
    """
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(text))
    if not _DNS_NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} is no host's name and no IP address. Give it without scheme and port: "
            "hub.example.org"
        )
    return x509.DNSName(text)


def uri(text: str) -> x509.GeneralName:
    """Return the name of a device."""
    return x509.UniformResourceIdentifier(text)


def _builder(
    subject: str,
    issuer: str | x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer) if isinstance(issuer, str) else issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued_by(authority: Issued) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
