"""How a connection comes to the REST API: accepted, a balancer's header, TLS.

uvicorn's own way in knows no header, and counts no connection before its TLS handshake has ended.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from services.registry.edge.patient_protocol import PatientProtocol
from shared.process import logs
from shared.process.entrance.acceptor import Acceptor
from shared.process.entrance.proxies import Network, is_proxy, read_source
from shared.process.entrance.proxy_protocol import ProxyProtocolError
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.tls.server_tls import ServerTls

_log = logs.get(__name__)

_BACKLOG: Final = 2048
_CLOSING_SECONDS: Final = 5.0
"""How long a client may take to answer our close_notify (RFC 8446 section 6.1)."""


@dataclass(eq=False, repr=False)
class Entrance:
    """Accepts connections on a listener, and hands each over to a protocol of its own."""

    listener: socket.socket
    new_protocol: Callable[[], PatientProtocol]
    tls: ServerTls | None
    proxies: tuple[Network, ...]
    """From here, and only from here, a header of the PROXY protocol is taken: and needed."""

    def __post_init__(self) -> None:
        full = RateLimitedLog(_log, "connections wait: this process may open no more files")
        on_no_files = partial(full.log, "the limit of open files")
        self._acceptor = Acceptor(self.listener, self._on_accepted, on_no_files)
        self._no_header = RateLimitedLog(_log, "a balancer sent no header of PROXY protocol v2")

    def open(self) -> None:
        """Begin to accept."""
        self.listener.listen(_BACKLOG)
        self._acceptor.open()

    def close(self) -> None:
        """Accept no more; may be repeated."""
        self._acceptor.close()

    def _on_accepted(self, connection: socket.socket, address: str) -> None:
        protocol = self.new_protocol()
        enter = self._enter(connection, address, protocol)
        task = asyncio.get_running_loop().create_task(enter, name="enter")
        task.add_done_callback(partial(_on_entered, connection, protocol))
        protocol.enter(task)

    async def _enter(
        self, connection: socket.socket, address: str, protocol: PatientProtocol
    ) -> None:
        try:
            if is_proxy(address, self.proxies):
                protocol.source = await read_source(connection)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self.tls.context if self.tls else None,
                ssl_shutdown_timeout=_CLOSING_SECONDS if self.tls else None,
            )
        except ProxyProtocolError:
            self._no_header.log(f"{address} is in CHARGELIGHT_REGISTRY_PROXIES")
        except (OSError, EOFError):
            pass  # The client went away, or speaks no TLS that we do.


def _on_entered(
    connection: socket.socket, protocol: PatientProtocol, _: asyncio.Task[None]
) -> None:
    """Close a connection that did not come in. Here, as its task may not even have begun."""
    if protocol.is_entering:
        connection.close()
        protocol.leave()
