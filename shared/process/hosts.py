"""Which hosts a request may be for, without I/O: those that no stranger can have a page under.

A web page can point its own name at this hub after it was loaded (DNS rebinding). From then on
its browser takes the hub for the page's own server. It still sends the page's name as ``Host``,
so a hub that serves only under names of its own is out of reach.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self

_HOST: Final = r"(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?"
"""A host and perhaps a port (RFC 3986 section 3.2): no user, no dot at the end."""
_ORIGIN: Final = re.compile(rf"(?:http|ws)s?://{_HOST}/?", re.ASCII | re.IGNORECASE)
_HEADER: Final = re.compile(_HOST, re.ASCII | re.IGNORECASE)

NOT_OWN_HOST: Final = (
    "The Host header is neither an IP address nor a name of this hub. If it is one, add it to "
    "CHARGELIGHT_ALLOWED_HOSTS"
)
"""Why a request is refused, for the person who set up a proxy or a name."""


@dataclass(frozen=True, slots=True)
class WebHost:
    """The host of an address on the web."""

    name: str
    """In the one form that it is compared in: lower case, no brackets."""
    port: str | None
    """None: the address names none."""

    @classmethod
    def of_header(cls, text: str) -> Self | None:
        """Read a ``Host`` header; None: it is none."""
        return cls._of(_HEADER.fullmatch(text))

    @classmethod
    def of_origin(cls, text: str) -> Self | None:
        """Read an ``Origin`` header; None: it names no host."""
        return cls._of(_ORIGIN.fullmatch(text))

    @classmethod
    def _of(cls, found: re.Match[str] | None) -> Self | None:
        return cls(_canonical(found[1]), found[2]) if found else None

    def is_own(self, allowed_hosts: Collection[str]) -> bool:
        """Tell whether nobody outside can have a page under this name.

        Args:
            allowed_hosts: Names of this hub, in lower case.
        """
        is_local = "." not in self.name or self.name.endswith(".local")
        return is_local or self.name in allowed_hosts or _is_address(self.name)


def is_own_host(header: str, allowed_hosts: Collection[str]) -> bool:
    """Tell whether a request with this ``Host`` header is for this hub."""
    host = WebHost.of_header(header)
    return host is not None and host.is_own(allowed_hosts)


def _canonical(host: str) -> str:
    host = host.strip("[]").lower()
    return str(ipaddress.ip_address(host)) if _is_address(host) else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
