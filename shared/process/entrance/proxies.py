"""Balancers that say whose connection they pass on, and reading what they say."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from shared.process.entrance.proxy_protocol import HEAD_BYTES, length_after, source_in

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_proxy(address: str, proxies: Iterable[Network]) -> bool:
    """Tell whether a header must come from an address; from no other it is taken."""
    return any(ipaddress.ip_address(address.partition("%")[0]) in network for network in proxies)


async def read_source(connection: socket.socket) -> str | None:
    """Read a header, and not a byte more; see `source_in`.

    Raises:
        ProxyProtocolError: What comes is none.
        EOFError: The connection ends before it is complete.
    """
    head = await _read(connection, HEAD_BYTES)
    return source_in(head, await _read(connection, length_after(head)))


async def _read(connection: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        piece = await loop.sock_recv(connection, size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
