"""Files in PEM (RFC 7468) that settings name: certificates, keys, revocation lists."""

import re
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from shared.process.metrics.service import CERTIFICATE_DAYS

_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_NO_LIST: Final = re.compile(rb"-----BEGIN (?!X509 CRL-----)")
_DAY_SECONDS: Final = 86_400


class TlsFilesError(ValueError):
    """Files cannot be used, or do not fit each other; the text says what to change."""


def read(path: str) -> bytes:
    """Return what a file holds.

    Raises:
        TlsFilesError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TlsFilesError(f"{path} cannot be read: {error.strerror}") from None


def certificates_in(path: str) -> list[x509.Certificate]:
    """Return the certificates of a file; there is one at least.

    Raises:
        TlsFilesError: It cannot be read, or has none.
    """
    try:
        return x509.load_pem_x509_certificates(read(path))
    except TlsFilesError:
        raise
    except ValueError:
        raise TlsFilesError(f"{path} holds no certificate in PEM") from None


def keys_in(path: str) -> set[bytes]:
    """Return the public keys of a file's certificates: a renewed one has that of before.

    Raises:
        TlsFilesError: It cannot be read, or has no certificate.
    """
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {each.public_key().public_bytes(*form) for each in certificates_in(path)}


def revocation_lists_in(path: str) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists of a file (RFC 5280 section 5); there is one at least.

    Raises:
        TlsFilesError: It cannot be read, has none, or has something else too.
    """
    text = read(path)
    try:
        found = [x509.load_pem_x509_crl(each) for each in _LIST.findall(text)]
    except ValueError:
        found = []
    if not found:
        raise TlsFilesError(f"{path} holds no revocation list (X509 CRL) in PEM")
    if _NO_LIST.search(text):
        # OpenSSL would trust a certificate that is beside a list.
        raise TlsFilesError(f"{path} must hold revocation lists only: remove all else")
    return found


def end_of(path: str) -> datetime:
    """Return when the first certificate or revocation list of a file ends.

    Raises:
        TlsFilesError: It cannot be read, or has neither.
    """
    if _LIST.search(read(path)):
        never = datetime.max.replace(tzinfo=UTC)
        return min(each.next_update_utc or never for each in revocation_lists_in(path))
    return min(each.not_valid_after_utc for each in certificates_in(path))


def show_end(setting: str, path: str) -> None:
    """Show in the metrics how many days the file of a setting still has."""
    CERTIFICATE_DAYS.labels(setting).set_function(lambda: _days_until_end(path))


def _days_until_end(path: str) -> float:
    try:
        return (end_of(path).timestamp() - time.time()) / _DAY_SECONDS
    except TlsFilesError:
        return float("nan")


def load_own(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Let a context present a certificate.

    Raises:
        TlsFilesError: A file cannot be used, or the key is another certificate's.
    """
    certificates_in(certificate)
    read(key)
    try:
        context.load_cert_chain(certificate, key, _refuse_password)
    except OSError as error:
        if _reason_of(error) == "KEY_VALUES_MISMATCH":
            raise TlsFilesError(
                f"the key in {key} is not that of the first certificate in {certificate}"
            ) from None
        raise TlsFilesError(
            f"{certificate} and {key} cannot be used ({_reason_of(error)})"
        ) from None


def _reason_of(error: OSError) -> str:
    """Return what OpenSSL says, or the system: a file may go while it is looked at."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "it is no PEM, or not whole"
    return str(error.strerror)


def _refuse_password() -> NoReturn:
    raise TlsFilesError("the key needs a password, which nobody can type at a start: remove it")


def load_ca(context: ssl.SSLContext, path: str) -> None:
    """Let a context trust the certificates of a file.

    Raises:
        TlsFilesError: The file cannot be used.
    """
    certificates_in(path)
    _load(context, path)


def load_revocation_lists(context: ssl.SSLContext, path: str, ca: str) -> None:
    """Let a context honour the revocation lists of a file, of all CAs in another one.

    Raises:
        TlsFilesError: The file cannot be used, or has no list of one of the CAs.
    """
    lists = revocation_lists_in(path)
    for each in certificates_in(ca):
        if not any(_is_list_of(each, found) for found in lists):
            # With a list of others OpenSSL would let no device in.
            name = each.subject.rfc4514_string()
            raise TlsFilesError(f"{path} holds no revocation list of {name}, a CA in {ca}")
    _load(context, path)
    # Of all certificates in a chain: a CA may be revoked too, by the one above it.
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _is_list_of(ca: x509.Certificate, found: x509.CertificateRevocationList) -> bool:
    if found.issuer != ca.subject:
        return False
    try:
        # Two CAs may have the same name.
        return found.is_signature_valid(cast("Any", ca.public_key()))
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _load(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise TlsFilesError(f"{path} cannot be used ({_reason_of(error)})") from None
