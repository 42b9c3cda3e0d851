"""What a failed TLS handshake tells an operator. Without I/O."""

import ssl
from typing import Final

from shared.contract.presence import RefusalReason

_REASONS: Final = {
    "HTTP_REQUEST": RefusalReason.NO_TLS,
    "HTTPS_PROXY_REQUEST": RefusalReason.NO_TLS,
    "WRONG_VERSION_NUMBER": RefusalReason.NO_TLS,
    "RECORD_LAYER_FAILURE": RefusalReason.NO_TLS,
    "UNSUPPORTED_PROTOCOL": RefusalReason.TLS_VERSION,
    "VERSION_TOO_LOW": RefusalReason.TLS_VERSION,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": RefusalReason.CERTIFICATE,
    "CERTIFICATE_VERIFY_FAILED": RefusalReason.CERTIFICATE,
}
"""By OpenSSL's name of the reason."""


def reason_of(error: Exception) -> RefusalReason | None:
    """Return why a device could not connect; None: it only went away, or the reason is rare."""
    if isinstance(error, UnicodeDecodeError):  # a name in its certificate
        return RefusalReason.CERTIFICATE
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    # What the device says in an alert is about the hub's certificate (RFC 8446 section 6.2).
    if reason is not None and "_ALERT_" in reason:
        about_it = "CERTIFICATE" in reason or reason.endswith("UNKNOWN_CA")
        return RefusalReason.HUB_CERTIFICATE if about_it else None
    return _REASONS.get(reason or "")
