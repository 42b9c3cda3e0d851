"""What the operating system knows about sockets, and how many files it allows."""

import asyncio
import socket
import struct
import sys
from typing import Final

from shared.process import logs

_log = logs.get(__name__)

_SPARE_FILES: Final = 200
"""For Redis, listeners, health requests, and handshakes that are refused."""

# struct tcp_info of linux/tcp.h: eight bytes, then 32-bit words; the twelfth is
# tcpi_last_data_recv, in ms.
_LAST_DATA_RECEIVED: Final = struct.Struct("=8x44xI")
_INT: Final = struct.Struct("i")


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return a device's address without its port, or that of the proxy before it."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else "unknown"


def seconds_since_last_data(connection: socket.socket | None) -> float:
    """Return how long ago the kernel received the last data on a TCP socket.

    Zero where it is not known (not Linux, or not a TCP socket).
    """
    if connection is None or not sys.platform.startswith("linux"):
        return 0.0
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED.size)
        milliseconds: int = _LAST_DATA_RECEIVED.unpack(info)[-1]
    except (OSError, struct.error):
        return 0.0
    return milliseconds / 1000


def unread_bytes(connection: socket.socket | None) -> int:
    """Return how many bytes have arrived on a socket and were not read.

    One where that is not known, none without a socket.
    """
    if connection is None:
        return 0
    try:
        import fcntl  # noqa: PLC0415 - there is none for Windows
        import termios  # noqa: PLC0415

        answer = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(_INT.size))
    except (ImportError, OSError, ValueError):
        return 1
    unread: int = _INT.unpack(answer)[0]
    return unread


def raise_file_limit(connections: int) -> int:
    """Raise the limit of open files as far as needed and allowed.

    Returns:
        How many of these connections fit.
    """
    try:
        import resource  # noqa: PLC0415 - there is none for Windows
    except ImportError:  # pragma: no cover
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < wanted:
        _log.warning("fewer open files allowed than connections", files=limit, wanted=wanted)
    return min(connections, limit - _SPARE_FILES)
