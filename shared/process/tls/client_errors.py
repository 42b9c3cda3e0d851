"""Why a client gets no TLS connection, in words: OpenSSL's own are for programmers."""

from collections.abc import Mapping
from typing import Final

_REASONS: Final[Mapping[str, str]] = {
    "IP address mismatch": "its certificate is for other addresses: connect by one that is in it",
    "Hostname mismatch": "its certificate is for other names: connect by one that is in it",
    "certificate has expired": "its certificate has ended, or the clock here is wrong",
    "not yet valid": "its certificate is not valid yet, or the clock here is wrong",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted here: set SSL_CERT_FILE to its "
    "CA's certificate",
    "UNEXPECTED_EOF": "it ended the TLS handshake: does it speak TLS, or want a certificate?",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: take http:// or ws://",
}
"""By what is in OpenSSL's text; the first that is there counts."""


def explain_tls_error(text: str) -> str:
    """Return what an error's text means, if it is one of TLS, or else the text itself."""
    return next((reason for mark, reason in _REASONS.items() if mark in text), text)
