"""Free TCP ports on this machine."""

import random
import socket
from contextlib import suppress

LOWEST = 15_000
HIGHEST = 31_999
"""Below the range that Linux (32768 and up) and macOS (49152 and up) give to outgoing connections:
no outgoing connection can take a port between our check and the start of the program."""

LOOPBACK = "127.0.0.1"

_given_out: set[int] = set()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a program could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: an ended server's connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((host, port))
            probe.listen(1)
            return True
    return False


def free_port() -> int:
    """A port that nothing listens on, and that was not returned before in this process.

    Drawn at random, so that two runs at once do not take the same one.

    Raises:
        OSError: none found.
    """
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret
        if port not in _given_out and is_free(port, ""):
            _given_out.add(port)
            return port
    raise OSError(f"no free TCP port found between {LOWEST} and {HIGHEST}")
