"""Which ``Origin`` headers a handshake may have, without I/O.

A browser sends the origin of the page that connects (RFC 6454, RFC 6455 section 10.2), and a
page must not speak for a device with its visitor's network access. But there are libraries
for devices that send one too: ``file://``, or the address that they connect to.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.gateway.settings import GatewaySettings
from shared.process.hosts import WebHost

_FILE: Final = "file://"
"""No web site can send it, only a file that was opened from a local disk."""


@dataclass(frozen=True, slots=True)
class OriginRule:
    """Which origins are let in."""

    listed: Collection[str] = ()
    """Letter for letter."""
    hosts: Collection[str] = ()
    """Names of this hub, in lower case, that no stranger can point at it."""
    admits_files: bool = True
    """``CHARGELIGHT_GATEWAY_FILE_ORIGIN``, where devices need no secret."""

    @classmethod
    def of(cls, settings: GatewaySettings) -> "OriginRule":
        """Return the rule that is set."""
        return cls(
            frozenset(settings.origins),
            frozenset(settings.allowed_hosts),
            settings.device_auth == "required" or settings.file_origin,
        )

    def admits(self, origin: str, host_header: str) -> bool:
        """Tell whether a handshake with this origin is let in.

        ``host_header`` is the request's ``Host``, or empty: what the client connects to.
        """
        if origin in self.listed:
            return True
        if origin == _FILE:
            return self.admits_files
        page, hub = WebHost.of_origin(origin), WebHost.of_header(host_header)
        if page is None or hub is None or page.name != hub.name:
            return False
        # On another port is another server of that machine, and its pages are not ours. Libraries
        # for devices leave a port out.
        return len({page.port, hub.port} - {None}) <= 1 and hub.is_own(self.hosts)
