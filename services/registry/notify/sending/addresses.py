"""Which addresses a webhook may be sent to.

Someone who may set a webhook's URL, or who owns a name in one, must not reach through the registry
what only the registry reaches: Postgres, Redis, a cloud's metadata. So a name is looked up once,
and the connection goes to the address that was checked: another lookup could answer otherwise.
"""

import asyncio
import functools
import ipaddress
import socket
from concurrent.futures import Executor
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LAST_32_BITS: Final = 0xFFFFFFFF


class PrivateAddressError(Exception):
    """A host has no address that a webhook may be sent to."""


def is_public(address: str) -> bool:
    """Tell whether an address is one of the internet, and of one machine."""
    ip = _as_sent(ipaddress.ip_address(address))
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    tunnelled = [each for each in (ip.sixtofour, *(ip.teredo or ())) if each is not None]
    return ip in _UNICAST and ip.is_global and all(is_public(str(each)) for each in tunnelled)


def _as_sent(ip: IpAddress) -> IpAddress:
    """Return the address that packets go to: an IPv6 address may stand for one of IPv4."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & _LAST_32_BITS)
    return ip


async def address_for(host: str, port: int, lookups: Executor, *, allow_private: bool) -> str:
    """Look a host up, and return the address to connect to.

    Args:
        host: A name, or an address.
        port: Where it listens.
        lookups: Waits for the answer. Not the event loop's own threads: while nobody answers, all
            of them would wait, and the names of Postgres and Redis are looked up there.
        allow_private: Whether private addresses are allowed.

    Raises:
        PrivateAddressError: All of its addresses are private, and that is not allowed.
        OSError: It has none, or nobody says.
    """
    loop = asyncio.get_running_loop()
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(lookups, look_up)
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    for address in addresses:
        if allow_private or is_public(address):
            return address
    raise PrivateAddressError(
        "its address is in a private network. If it should be, set "
        "CHARGELIGHT_REGISTRY_WEBHOOKS_PRIVATE=true"
    )
