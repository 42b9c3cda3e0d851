"""Sockets that listen, of both families of addresses where both are meant."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EVERY_ADDRESS: Final = "::"
"""As a host: every address of this machine, IPv4 and IPv6."""

LOOPBACK: Final = "localhost"
"""As a host: this machine alone, IPv4 and IPv6 (RFC 6761 section 6.3), whatever a resolver says."""

# IPv4 first: every machine has it, so it may choose the port.
_BOTH: Final[Mapping[str, tuple[str, ...]]] = {
    EVERY_ADDRESS: ("0.0.0.0", EVERY_ADDRESS),  # noqa: S104 - what the setting says
    LOOPBACK: ("127.0.0.1", "::1"),
}
_NOT_OURS: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen, and the settings that say so.

    Attributes:
        host: An address, a name, `EVERY_ADDRESS`, or `LOOPBACK`.
        port: A TCP port; 0: any that is free, the same for both families.
    """

    host: str
    port: int
    settings: str = "its settings"


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine reaches a host; a name may stand for any address."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        # Before Python 3.13 an IPv4 address in the form of IPv6 is none.
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    return host == LOOPBACK


async def open_listeners(
    address: ListenAddress, *, reuse_port: bool = False
) -> list[socket.socket]:
    """Listen on all addresses that the host stands for, with a socket for each.

    One socket for both families would show IPv4 clients by IPv6 addresses. A family that this
    machine does not have is left out, as long as there is another one.

    Raises:
        OSError: None of the addresses is this machine's, or the port is taken; names the settings.
    """
    listeners: list[socket.socket] = []
    try:
        missing = await _listen(address, listeners, reuse_port=reuse_port)
        if not listeners:
            raise missing or OSError("it has no address")
    except OSError as error:
        for each in listeners:
            each.close()
        remedy = "Free the port, or change" if error.errno == errno.EADDRINUSE else "Change"
        raise OSError(
            f"cannot listen on {address.host} port {address.port} ({error.strerror or error}). "
            f"{remedy} {address.settings}"
        ) from error
    return listeners


async def _listen(
    address: ListenAddress, listeners: list[socket.socket], *, reuse_port: bool
) -> OSError | None:
    """Add a socket for each address; return the error of one that this machine does not have."""
    missing = None
    loop = asyncio.get_running_loop()
    for host in _BOTH.get(address.host, (address.host,)):
        found = await loop.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)
        for family, *_, (ip, port, *scope) in dict.fromkeys(found):
            where = (ip, listeners[0].getsockname()[1] if listeners else port, *scope)
            try:
                listeners.append(_listener(family, where, reuse_port=reuse_port))
            except OSError as error:
                if error.errno not in _NOT_OURS:
                    raise
                missing = error
    return missing


def _listener(
    family: socket.AddressFamily, where: tuple[object, ...], *, reuse_port: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        # Here, so that a port that is taken is found here.
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
