"""The PROXY protocol, version 2: a balancer says whose connection it passes on. Without I/O.

https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, section 2.2
"""

import ipaddress
import struct
from typing import Final

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD: Final = struct.Struct("!12sBBH")
HEAD_BYTES: Final = _HEAD.size
_VERSION: Final = 2
_LOCAL, _PROXY = 0, 1
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
"""By the transport: TCP over IPv4, and over IPv6."""


class ProxyProtocolError(ValueError):
    """It is no header of this protocol."""


def length_after(head: bytes) -> int:
    """Return how many bytes follow the first `HEAD_BYTES` of a header.

    Raises:
        ProxyProtocolError: It is none.
    """
    signature, version_and_command, _, length = _HEAD.unpack(head)
    version, command = version_and_command >> 4, version_and_command & 15
    if signature != _SIGNATURE or version != _VERSION or command not in {_LOCAL, _PROXY}:
        raise ProxyProtocolError("it does not begin with a header of PROXY protocol v2")
    return int(length)


def source_in(head: bytes, rest: bytes) -> str | None:
    """Return the client's address; None: it is the balancer itself, or not on TCP.

    Raises:
        ProxyProtocolError: The header is shorter than its addresses.
    """
    if head[12] & 15 == _LOCAL:
        return None
    size = _ADDRESS_BYTES.get(head[13])
    if size is None:
        return None
    if len(rest) < 2 * size + 4:
        raise ProxyProtocolError("its header is too short for its addresses")
    address = ipaddress.ip_address(rest[:size])
    # A balancer with one socket for both families tells IPv4 addresses so (RFC 4291 section
    # 2.5.5.2): with two names a device would count twice.
    return str(getattr(address, "ipv4_mapped", None) or address)
