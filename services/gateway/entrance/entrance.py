"""A port whose connections need work before their handshake: a balancer's header, or TLS.

Plain ports without a balancer do without: there the event loop accepts connections itself.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from services.gateway import metrics
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import CLOSING_SECONDS
from services.gateway.connection.endpoint import Endpoint
from services.gateway.connection.handshake import Handshake
from services.gateway.connection.tls_layer import TlsObject
from services.gateway.entrance.tls_failures import reason_of
from services.gateway.kernel import unread_bytes
from shared.contract.presence import RefusalReason
from shared.process.entrance.acceptor import Acceptor
from shared.process.entrance.proxies import Network, is_proxy, read_source
from shared.process.entrance.proxy_protocol import ProxyProtocolError
from shared.process.entrance.turns import SHARE_OF_TLS
from shared.process.tls.server_tls import ServerTls

_RECEIVED_BYTES: Final = 32 * 1024
"""What the kernel keeps of a connection with TLS, and what the TLS layer reads ahead. Devices'
messages are small, and reading ahead takes memory that `RateLimitedReader` cannot limit."""


@dataclass(slots=True, eq=False, repr=False)
class _Entering:
    """A connection that was accepted, and has no `Handshake` yet."""

    connection: socket.socket
    task: asyncio.Task[None]

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the device, or its balancer."""
        return not unread_bytes(self.connection)

    def close_going_away(self) -> None:
        """Leave it to `Entrance.close`."""

    def abort(self) -> None:
        """Cut the connection off."""
        self.task.cancel()


@dataclass(eq=False, repr=False)
class Entrance:
    """Accepts connections on a listener, and hands each over to a `Handshake`."""

    context: ConnectionContext
    endpoint: Endpoint
    listener: socket.socket
    tls: ServerTls | None = None
    proxies: tuple[Network, ...] = ()
    """From here, and only from here, a header of the PROXY protocol is taken: and needed."""
    _entering: set[_Entering] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._acceptor = Acceptor(self.listener, self._on_accepted, metrics.CUT_OFF.inc)

    def open(self) -> None:
        """Begin to accept."""
        if self.tls is not None:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
        self._acceptor.open()

    def close(self) -> None:
        """Accept no more, and give up on those that have not entered yet; may be repeated."""
        self._acceptor.close()
        for entering in self._entering:
            entering.abort()

    def _on_accepted(self, connection: socket.socket, address: str) -> None:
        enter = self._enter(connection, address)
        task = asyncio.get_running_loop().create_task(enter, name="enter")
        entering = _Entering(connection, task)
        self._entering.add(entering)
        task.add_done_callback(partial(self._on_entered, entering))
        self.context.add_unopened(entering)

    def _on_entered(self, entering: _Entering, task: asyncio.Task[None]) -> None:
        self._entering.discard(entering)
        self.context.unopened.discard(entering)
        if task.cancelled():
            # Here, as it may not even have begun.
            entering.connection.close()

    async def _enter(self, connection: socket.socket, address: str) -> None:
        try:
            async with asyncio.timeout(self.context.settings.handshake_seconds):
                is_own = self.context.knows_addresses
                if is_proxy(address, self.proxies):
                    source = await read_source(connection)
                    address, is_own = source or address, source is not None
                if self.tls is not None and not await self._has_turn(connection, address):
                    metrics.CUT_OFF.inc()
                    connection.close()
                    return
                await self._hand_over(connection, address, is_own_address=is_own)
        except ProxyProtocolError:
            self._fail(connection, address, RefusalReason.NOT_WEBSOCKET)
        except (OSError, EOFError, UnicodeDecodeError) as error:
            self._fail(connection, address, reason_of(error))

    async def _has_turn(self, connection: socket.socket, address: str) -> bool:
        """Wait until a device has begun with TLS, and then for its turn.

        The TLS layer costs much time, and a device that sends nothing needs none.

        Returns:
            Whether there was room to wait.
        """
        await _until_readable(connection)
        turns = self.context.turns
        if turns.take(SHARE_OF_TLS):
            return True
        turn = asyncio.Event()
        if not turns.wait(address, turn.set, SHARE_OF_TLS):
            return False
        await turn.wait()
        return True

    async def _hand_over(
        self, connection: socket.socket, address: str, *, is_own_address: bool
    ) -> None:
        context = None if self.tls is None else self.tls.context
        if context is not None:
            context.sslobject_class = TlsObject
        transport = None
        try:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                partial(
                    Handshake,
                    self.context,
                    self.endpoint,
                    address=address,
                    is_own_address=is_own_address,
                    tls=self.tls,
                ),
                connection,
                ssl=context,
                ssl_handshake_timeout=self.context.settings.handshake_seconds if context else None,
                ssl_shutdown_timeout=CLOSING_SECONDS if context else None,
            )
        finally:
            if transport is None and context is not None:
                self.context.failed.count(is_tls=True)
        if context is not None:
            # Only transports of TLS have it.
            cast("Any", transport).set_read_buffer_limits(_RECEIVED_BYTES)

    def _fail(self, connection: socket.socket, address: str, reason: RefusalReason | None) -> None:
        connection.close()
        metrics.count_failed_entrance(reason)
        if reason is not None:
            self.endpoint.note_refusal(reason, address, "")


async def _until_readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
