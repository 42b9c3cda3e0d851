"""The folder of a CA: its certificate, its key, its revocation list, and what it has issued."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.cli.ca.issuing import Issued, Wanted, issue, new_authority, revocation_list, revoked

AUTHORITY: Final = "ca"
REVOKED: Final = "revoked.crl"
FORMER: Final = "former"
"""The folder of certificates that others took the place of: they are valid until revoked."""

_PRIVATE: Final = 0o600


class CaFolderError(Exception):
    """The folder cannot be used; the text says what to change."""


@dataclass(frozen=True, slots=True)
class CaFolder:
    """A CA whose files are in one folder."""

    path: Path

    def create(self, name: str, now: datetime, lasts: timedelta) -> None:
        """Make a new CA, with an empty revocation list.

        Raises:
            CaFolderError: There is one already.
            OSError: The folder cannot be written.
        """
        if (self.path / f"{AUTHORITY}.crt").exists():
            raise CaFolderError(
                f"{self.path} holds a CA already; a new one would be trusted by no device. Name "
                "another folder"
            )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = new_authority(name, now, lasts)
        self._write(AUTHORITY, authority)
        self._write_list(revocation_list(authority, [], now))

    def issue(self, file: str, wanted: Wanted, now: datetime) -> Path:
        """Issue a certificate, and return its file; its key is beside it.

        One that was in the file before is kept in the folder `FORMER`.

        Raises:
            CaFolderError: There is no CA.
            OSError: The files cannot be written.
        """
        issued = issue(self._authority(), wanted, now)
        self._keep_former(file)
        return self._write(file, issued)

    def revoke(self, file: Path, now: datetime) -> bool:
        """Revoke a certificate; return whether it was not yet.

        Raises:
            CaFolderError: There is no CA, or it has not issued this certificate.
            OSError: The list cannot be read or written.
        """
        authority = self._authority()
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            certificate.verify_directly_issued_by(authority.certificate)
        except OSError as error:
            raise CaFolderError(
                f"{file} cannot be read ({error.strerror}): name the file of a certificate, as "
                f"{self.path}/chargers/c1234.crt"
            ) from None
        except (ValueError, TypeError, InvalidSignature):
            raise CaFolderError(f"{file} is no certificate of the CA in {self.path}") from None
        if certificate == authority.certificate:
            raise CaFolderError(f"{file} is the CA itself: trust another CA instead")
        known = x509.load_pem_x509_crl((self.path / REVOKED).read_bytes())
        if known.get_revoked_certificate_by_serial_number(certificate.serial_number):
            return False
        entries = [*known, revoked(certificate, now)]
        self._write_list(revocation_list(authority, entries, now))
        return True

    def _authority(self) -> Issued:
        try:
            certificate = (self.path / f"{AUTHORITY}.crt").read_bytes()
            key = (self.path / f"{AUTHORITY}.key").read_bytes()
        except FileNotFoundError:
            raise CaFolderError(
                f"{self.path} holds no CA; make one with: chargelight ca new --folder {self.path}"
            ) from None
        try:
            loaded = serialization.load_pem_private_key(key, None)
        except (TypeError, ValueError):  # it has a password, or is none
            loaded = None
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise CaFolderError(f"{AUTHORITY}.key is not a key that this program has made")
        return Issued(x509.load_pem_x509_certificate(certificate), loaded)

    def _keep_former(self, file: str) -> None:
        """Keep the certificate that another one replaces: only its file can revoke it."""
        path = self.path / f"{file}.crt"
        if not path.exists():
            return
        former = x509.load_pem_x509_certificate(path.read_bytes())
        kept = self.path / FORMER / f"{file}-{former.serial_number:x}.crt"
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(kept, path.read_bytes())

    def _write(self, file: str, issued: Issued) -> Path:
        key = issued.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.path / f"{file}.crt"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(self.path / f"{file}.key", key, _PRIVATE)
        _replace(path, issued.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def _write_list(self, revoked: x509.CertificateRevocationList) -> None:
        _replace(self.path / REVOKED, revoked.public_bytes(serialization.Encoding.PEM))


def _replace(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file as a whole: a service that looks at it never finds half of one."""
    written = path.with_name(f".{path.name}.new")
    # A file or link of this name would keep its own rights, or lead elsewhere.
    written.unlink(missing_ok=True)
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    written.replace(path)
