"""A TCP proxy that does what networks do: cut, stall, delay, lose one direction, stay silent."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final, cast

HOST: Final = "127.0.0.1"

Address = tuple[str, int]
Choose = Callable[[], Awaitable[Sequence[Address]]]
"""Gives the addresses to try, the best first."""


class Mode(Enum):
    """What becomes of the bytes of one direction."""

    PASS = "they are passed on"
    STALL = "they wait"
    DROP = "they are taken and lost"


class Direction:
    """One direction of all links of a proxy, or of a single one."""

    def __init__(self) -> None:
        self.mode = Mode.PASS
        self.delay = 0.0


class _End(asyncio.Protocol):
    """One end of a link: what comes in here goes out at the other one."""

    def __init__(self, link: "Link", direction: Direction) -> None:
        self._link = link
        self._direction = direction
        self._held: list[bytes] = []
        self._is_over = False
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(1 << 20)

    def data_received(self, data: bytes) -> None:
        if self._link.is_silent or self._direction.mode is Mode.DROP:
            return
        if self._direction.mode is Mode.STALL or self._held or self.other is None:
            self._held.append(data)
            if self.transport is not None and self.other is not None:
                self.transport.pause_reading()
        elif self._direction.delay:
            asyncio.get_running_loop().call_later(self._direction.delay, self._pass_on, data)
        else:
            self._pass_on(data)

    def release(self) -> None:
        """Pass on what was held, unless it still has to wait."""
        if self._direction.mode is Mode.STALL or self.other is None:
            return
        held, self._held = self._held, []
        if self._direction.mode is Mode.PASS:
            for data in held:
                self._pass_on(data)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        if self._is_over:
            self._end_other()

    def _pass_on(self, data: bytes) -> None:
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other._held and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._is_over = True
        # A silent link does not say that it ended; a stalled one says it later.
        if not self._link.is_silent and self._direction.mode is not Mode.STALL:
            self._end_other()
        self._link.ended()

    def _end_other(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Link:
    """One connection through a proxy.

    Attributes:
        is_silent: Nothing passes any more, and neither end knows: half open.
        server: The address it leads to.
    """

    def __init__(self, proxy: "FaultProxy") -> None:
        self._proxy = proxy
        self.is_silent = False
        self.server: Address | None = None
        self.client_end = _End(self, proxy.to_server)
        self.server_end = _End(self, proxy.to_client)

    def silence(self) -> None:
        """Let nothing pass any more; neither end knows."""
        self.is_silent = True

    def cut(self) -> None:
        """End both sides with a reset."""
        self.client_end.abort()
        self.server_end.abort()

    def ended(self) -> None:
        """Leave the proxy once both sides are gone."""
        ends = (self.client_end.transport, self.server_end.transport)
        if all(end is None or end.is_closing() for end in ends):
            self._proxy.links.discard(self)


class FaultProxy:
    """Passes bytes between a port of its own and servers, as well as it is allowed to."""

    def __init__(self, choose: Choose, host: str = HOST, port: int = 0) -> None:
        self._choose = choose
        self._host = host
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: set[Link] = set()
        self.to_server = Direction()
        self.to_client = Direction()
        self.port = port

    async def listen(self) -> None:
        """Take connections, always on the same port."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self._accepted, self._host, self.port, backlog=4096, reuse_address=True
            )
            self.port = self._server.sockets[0].getsockname()[1]

    def deafen(self) -> None:
        """Refuse new connections; those there are stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        for link in list(self.links):
            link.cut()

    def heal(self) -> None:
        """Pass everything on again, also what waited."""
        for direction in (self.to_server, self.to_client):
            direction.mode, direction.delay = Mode.PASS, 0.0
        for link in list(self.links):
            link.client_end.release()
            link.server_end.release()

    def close(self) -> None:
        self.deafen()
        self.cut()
        for task in self._tasks:
            task.cancel()

    def _accepted(self) -> _End:
        link = Link(self)
        self.links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link), name="connect a link")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return link.client_end

    async def _connect(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        for address in await self._choose():
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.75):
                    await loop.create_connection(lambda: link.server_end, *address)
                link.server = address
                link.client_end.other, link.server_end.other = link.server_end, link.client_end
                link.client_end.release()
                link.server_end.release()
                client = link.client_end.transport
                if client is None or client.is_closing():
                    link.server_end.abort()
                return
        link.client_end.abort()
        self.links.discard(link)
