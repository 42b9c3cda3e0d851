"""Closes connections whose certificate was revoked after they were opened."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from shared.contract.device_protocol import CloseCode
from shared.contract.presence import RefusalReason
from shared.process import logs
from shared.process.tls.files import TlsFilesError, revocation_lists_in

_log = logs.get(__name__)

_AT_ONCE: Final = 100
"""Connections that are looked at before others get a turn: 3 ms."""


@dataclass(eq=False, repr=False)
class Revocation:
    """Looks at all connections after each change of the lists."""

    context: ConnectionContext
    path: str
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_changed(self) -> None:
        """Look at all connections soon."""
        self._changed.set()

    async def run(self) -> None:
        """Close revoked connections, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._close_revoked(revocation_lists_in(self.path))
            except TlsFilesError as error:
                # Written at this moment: looked at again once it is whole.
                _log.warning("revocation lists cannot be read", reason=str(error))

    async def _close_revoked(self, lists: Sequence[x509.CertificateRevocationList]) -> None:
        for number, connection in enumerate(list(self.context.connections), 1):
            # Those at their handshake are refused once it is over, as `Handshake` sees to.
            if isinstance(connection, DeviceConnection) and is_revoked(
                connection.reader.certificate, lists
            ):
                connection.note_refusal(RefusalReason.CERTIFICATE)
                connection.close(CloseCode.POLICY, "its certificate is revoked")
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


def is_revoked(certificate: bytes | None, lists: Sequence[x509.CertificateRevocationList]) -> bool:
    """Tell whether a certificate (in DER) is on a list of its issuer."""
    if certificate is None:
        return False
    found = x509.load_der_x509_certificate(certificate)
    return any(
        each.issuer == found.issuer
        and each.get_revoked_certificate_by_serial_number(found.serial_number) is not None
        for each in lists
    )
