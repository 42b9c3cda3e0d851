"""TLS to a server of ours: whom a service trusts there, and what it presents."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlencode

from shared.process.tls.files import TlsFilesError, load_ca, load_own, show_end


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """Paths of files in PEM; empty: there is none.

    Attributes:
        prefix: What the names of their settings begin with: ``CHARGELIGHT_REDIS_TLS``.
        ca: Whose certificates are trusted; none: the system's.
        certificate: What the service presents.
        key: The certificate's.
        verify: Whether the server's certificate and name are checked.
    """

    prefix: str
    ca: str
    certificate: str
    key: str
    verify: bool

    @property
    def are_set(self) -> bool:
        """Whether any of the settings is."""
        return bool(self.ca or self.certificate or self.key) or not self.verify

    def check(self) -> None:
        """Check that the files can be used, and show in the metrics when they end.

        Raises:
            TlsFilesError: They cannot; names the settings.
        """
        context = ssl.create_default_context()
        if bool(self.certificate) != bool(self.key):
            raise TlsFilesError(
                f"{self.prefix}_CERTIFICATE and {self.prefix}_KEY need each other: set both"
            )
        try:
            if self.ca:
                load_ca(context, self.ca)
            if self.certificate:
                load_own(context, self.certificate, self.key)
        except TlsFilesError as error:
            raise TlsFilesError(f"{self.prefix}_…: {error}") from None
        for name, path in ("CA", self.ca), ("CERTIFICATE", self.certificate):
            if path:
                show_end(f"{self.prefix}_{name}", path)

    @property
    def for_redis(self) -> str:
        """As parameters of a ``rediss://`` URL."""
        parameters = {
            "ssl_ca_certs": self.ca,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
            **({} if self.verify else {"ssl_cert_reqs": "none", "ssl_check_hostname": "false"}),
        }
        return urlencode({name: text for name, text in parameters.items() if text})

    @property
    def for_postgres(self) -> dict[str, str]:
        """As parameters of libpq.

        https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
        """
        parameters = {
            "sslmode": "verify-full" if self.verify else "require",
            "sslrootcert": (self.ca or "system") if self.verify else "",
            "sslcert": self.certificate,
            "sslkey": self.key,
        }
        return {name: text for name, text in parameters.items() if text}
