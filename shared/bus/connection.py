"""One connection to Redis that never reconnects behind anybody's back.

Client libraries reconnect silently, which would hide the one moment that
matters: after a loss everything must be read and stored again. So this is
redis-py's connection (address, TLS, credentials, the first commands) without
its pool and its retries; opening it again is the owner's decision.

Once it is open, the bytes go straight to hiredis: redis-py awaits each reply for
itself, here all replies of a segment are parsed at once (docs/performance.md has what
that is worth).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import hiredis
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.bus.resp_encoding import Command, pack

TIMEOUT_SECONDS: Final = 1.0
"""How long Redis may take to connect or to answer before it counts as lost."""

_INCOMPLETE: Final = object()


class BusUnavailableError(Exception):
    """Redis can not be used right now; try again after a while."""


class Link:
    """One connection to Redis, opened once, used until it fails, by one task that reads.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: str, name: str) -> None:
        # The pool is only used for what it knows about URLs. RESP2, because its
        # pub/sub answers come in order with everything else.
        pool = ConnectionPool.from_url(
            url,
            protocol=2,
            client_name=name,
            # With a socket timeout redis-py sends through asyncio.wait_for, which in
            # Python 3.11 may swallow a cancellation. The deadlines are ours instead.
            socket_timeout=None,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
        )
        self._connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._stream = _Stream()

    async def open(self) -> None:
        """Connect.

        Raises:
            BusUnavailableError: Redis does not answer, or not as one that is ready.
        """
        try:
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise BusUnavailableError(f"can not connect to Redis: {error}") from error
        # All it asked has been answered, so no byte is on its way to its own reader.
        writer = self._connection._writer  # noqa: SLF001 - redis-py has no other door
        self._stream.take_over(cast("asyncio.StreamWriter", writer).transport)

    async def close(self) -> None:
        """Disconnect without waiting for anything."""
        self._stream.abort()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._connection.disconnect(nowait=True)

    async def send(self, commands: Iterable[Command]) -> None:
        """Send commands in one write.

        Raises:
            BusUnavailableError: The connection broke.
        """
        self._stream.write(_as_sent(commands))
        if not self._stream.is_writable:
            await self._stream.writable()

    async def receive(self) -> list[Any]:
        """Return all that has come, at least one reply or message; errors are in the list.

        There is no deadline in here: callers set theirs around it.

        Raises:
            BusUnavailableError: The connection broke, and all before that was returned.
        """
        return await self._stream.read(1)

    async def exchange(
        self, commands: Sequence[Command], seconds: float | None = None
    ) -> list[Any]:
        """Send commands and return their replies; errors are in the list.

        Args:
            commands: What to send.
            seconds: How long that may take; None: for ever.

        Raises:
            BusUnavailableError: The connection broke.
            TimeoutError: It took longer. What comes now is of no use to anybody: close it.
        """
        # One timer, and only while waiting: `asyncio.timeout` would cost each exchange more
        # than all that is done here.
        self._stream.write(_as_sent(commands))
        if self._stream.is_writable:
            replies = await self._stream.read(len(commands), seconds)
        else:
            async with asyncio.timeout(seconds):
                await self._stream.writable()
                replies = await self._stream.read(len(commands))
        if len(replies) > len(commands):
            raise BusUnavailableError("Redis gave answers that nobody asked for")
        return replies


def _as_sent(commands: Iterable[Command]) -> bytes:
    return b"".join([c if isinstance(c, bytes) else pack(tuple(c)) for c in commands])


class _Stream(asyncio.Protocol):
    """The bytes of an open connection: written as they are, parsed as they come."""

    def __init__(self) -> None:
        self._parser = hiredis.Reader(
            replyError=ResponseError, protocolError=ResponseError, notEnoughData=_INCOMPLETE
        )
        self._transport: asyncio.WriteTransport | None = None
        self._replies: list[Any] = []
        self._wanted = 0
        self._arrived: asyncio.Future[None] | None = None
        self._lost_because: str | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def take_over(self, transport: asyncio.WriteTransport) -> None:
        """Have all bytes from now on."""
        self._transport = transport
        transport.set_protocol(self)
        if transport.is_closing():
            self._lose("closed by Redis")

    def abort(self) -> None:
        """Close; what was written and not sent yet is dropped."""
        self._lose("closed")
        if self._transport is not None:
            self._transport.abort()

    def write(self, data: bytes) -> None:
        """Write; no more should be written before it `is_writable`."""
        if self._lost_because is not None or self._transport is None:
            raise BusUnavailableError(f"lost Redis: {self._lost_because or 'not connected'}")
        self._transport.write(data)

    @property
    def is_writable(self) -> bool:
        """Whether Redis reads what was written before."""
        return self._writable.is_set()

    async def writable(self) -> None:
        """Wait until Redis reads again, or is lost."""
        await self._writable.wait()

    async def read(self, least: int, seconds: float | None = None) -> list[Any]:
        """Wait for so many replies and return all that are there.

        Raises:
            BusUnavailableError: The connection broke, and all before that was returned.
            TimeoutError: It took longer than so many seconds.
        """
        while len(self._replies) < least:
            if self._lost_because is not None:
                raise BusUnavailableError(f"lost Redis: {self._lost_because}")
            self._wanted = least
            loop = asyncio.get_running_loop()
            self._arrived = arrived = loop.create_future()
            deadline = None if seconds is None else loop.call_later(seconds, _time_out, arrived)
            try:
                await arrived
            finally:
                self._arrived = None
                if deadline is not None:
                    deadline.cancel()
        replies, self._replies = self._replies, []
        return replies

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Parse all that is complete."""
        parser, replies = self._parser, self._replies
        try:
            parser.feed(data)
            while (reply := parser.gets()) is not _INCOMPLETE:
                replies.append(reply)
        except ResponseError as error:
            self._lose(f"it does not speak its protocol: {error}")
            self.abort()
        if len(replies) >= self._wanted:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._lose(str(exc) if exc is not None else "closed by Redis")

    def pause_writing(self) -> None:
        """Have writers wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()

    def _lose(self, reason: str) -> None:
        if self._lost_because is None:
            self._lost_because = reason
        self._writable.set()
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


def _time_out(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
