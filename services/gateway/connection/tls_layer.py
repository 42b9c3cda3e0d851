"""What the TLS layer of a connection has read, and not handed on yet.

A layer has three places for it: what is encrypted, what is decrypted, and, inside OpenSSL, a part
of a record whose rest is still to come. Of the last one nothing tells; it shows in a read that
found some bytes, and not enough. uvloop reads only where there are bytes. The event loop of asyncio
reads always, so there something may always be held.
"""

import asyncio
import ssl
from typing import Any, cast


class TlsObject(ssl.SSLObject):
    """The library's, which also knows whether it may hold a part of a record."""

    holds_part: bool = False

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the library's name
        """Read as the library does."""
        try:
            data = super().read(len, buffer)
        except ssl.SSLWantReadError:
            self.holds_part = True
            raise
        self.holds_part = False
        return data


def tls_object_of(transport: asyncio.Transport) -> TlsObject | None:
    """Return the TLS of a connection; None: it has none."""
    return cast("TlsObject | None", transport.get_extra_info("ssl_object"))


def holds_unread(transport: asyncio.Transport) -> bool:
    """Tell whether a connection's TLS layer has bytes that are not handed on, or may have."""
    tls = tls_object_of(transport)
    if tls is None:
        return False
    encrypted: int = cast("Any", transport).get_read_buffer_size()
    return tls.holds_part or encrypted > 0 or tls.pending() > 0
