"""TLS of a port: its certificate, and whose certificates it takes. Files may change at any time.

A new context is made of changed files, and takes the place of the old one as a whole: files that
do not fit (yet) change nothing, and open connections stay as they are. With the old context its
sessions are gone too, so a revoked certificate cannot come back by resuming one.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.tls.files import (
    TlsFilesError,
    load_ca,
    load_own,
    load_revocation_lists,
    read,
    show_end,
)

_log = logs.get(__name__)

_LOOK_SECONDS: Final = 10.0
"""A revocation list is honoured within this time."""


@dataclass(frozen=True, slots=True)
class TlsFile:
    """A file, and the setting that names it."""

    setting: str
    path: str


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of one port.

    Attributes:
        certificate: This service's, with those between it and its CA.
        key: The certificate's, without a password.
        client_ca: Whose certificates clients may present; None: they are not asked for one.
        revoked: Lists of the CA's revoked certificates.
        must_present: Whether a client without a certificate is refused.
    """

    certificate: TlsFile
    key: TlsFile
    client_ca: TlsFile | None = None
    revoked: TlsFile | None = None
    must_present: bool = False

    @property
    def trusted(self) -> list[TlsFile]:
        """What clients' certificates are checked with."""
        return [each for each in (self.client_ca, self.revoked) if each is not None]

    def context(self) -> ssl.SSLContext:
        """Return a context of what the files hold now: TLS 1.2 or 1.3.

        Raises:
            TlsFilesError: They cannot be used, or do not fit each other; names the settings.
        """
        try:
            return self._context()
        except TlsFilesError as error:
            settings = [each.setting for each in (self.certificate, self.key, *self.trusted)]
            raise TlsFilesError(f"{', '.join(settings)}: {error}") from None

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_own(context, self.certificate.path, self.key.path)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED if self.must_present else ssl.CERT_OPTIONAL
            load_ca(context, self.client_ca.path)
            if self.revoked is not None:
                load_revocation_lists(context, self.revoked.path, self.client_ca.path)
        return context


@dataclass(eq=False, repr=False)
class ServerTls:
    """The context of a port, always of the newest files that fit.

    Raises:
        TlsFilesError: The files do not fit.
    """

    files: ServerFiles
    look_seconds: float = _LOOK_SECONDS
    context: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        own = [self.files.certificate, *self.files.trusted]
        for each in own:
            show_end(each.setting, each.path)
        self._watched = [self.files.key, *own]
        self._on_changed: list[Callable[[], None]] = []
        self._failure_log = RateLimitedLog(_log, "certificates that do not fit are not used")
        self._held = self._read()
        self.context = self.files.context()

    def on_changed(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each change of the files."""
        self._on_changed.append(callback)

    async def watch(self) -> None:
        """Take changed files, until cancelled."""
        while True:
            await asyncio.sleep(self.look_seconds)
            self.look()

    def look(self) -> None:
        """Take the files if they have changed, and fit."""
        try:
            found = self._read()
            if found == self._held:
                return
            self.context = self.files.context()
        except TlsFilesError as error:
            # Perhaps only one of them is written yet: looked at again soon.
            self._failure_log.log(error)
            return
        self._held = found
        _log.info("new certificates are in use", settings=[each.setting for each in self._watched])
        for callback in self._on_changed:
            callback()

    def _read(self) -> list[bytes]:
        return [read(each.path) for each in self._watched]
