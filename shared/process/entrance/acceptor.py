"""Accepts connections as sockets: the event loop's own server begins with TLS at once."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_NO_FILES_SECONDS: Final = 1.0
"""Until it is tried again to accept where the process has no file left."""


@dataclass(eq=False, repr=False)
class Acceptor:
    """Accepts what comes to a listener, and closes the listener in the end."""

    listener: socket.socket
    on_accepted: Callable[[socket.socket, str], None]
    """Is called with each connection, which does not block, and the address of its other end."""
    on_no_files: Callable[[], None]
    """Is called when the process may open no more files."""

    def open(self) -> None:
        """Begin to accept."""
        self.listener.settimeout(0)
        self._resume()

    def close(self) -> None:
        """Accept no more; may be repeated."""
        if self.listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()

    def _resume(self) -> None:
        if self.listener.fileno() >= 0:  # else it was closed meanwhile
            asyncio.get_running_loop().add_reader(self.listener, self._accept)

    def _accept(self) -> None:
        """Take one connection; the loop calls again while more wait.

        In between it serves those that are connected. A TLS handshake costs as much as dozens of
        readings: with several in each turn, a flood of them would make all others wait for all.
        """
        try:
            connection, address = self.listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            # No file left. As asyncio does: not at once again, the reason would stay.
            self.on_no_files()
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.listener)
            loop.call_later(_NO_FILES_SECONDS, self._resume)
            return
        connection.settimeout(0)
        self.on_accepted(connection, str(address[0]))
