"""One connection to Redis that never reconnects on its own.

Client libraries reconnect silently, which would hide the one moment that matters: after
a loss everything must be read and stored again. So this is redis-py's connection
(address, TLS, credentials, the first commands) without its pool and its retries.

Once it is open, the bytes go straight to hiredis: redis-py awaits each reply by itself,
here all replies of a segment are parsed at once (docs/performance.md has what that is
worth).
"""

import asyncio
import contextlib
import sys
from typing import Any, Final, cast

import hiredis
from redis.asyncio import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.refusals.no_tls import NO_TLS, speaks_plain
from shared.bus.refusals.refusal import Refusal, RefusedError, classify

TIMEOUT_SECONDS: Final = 1.0
"""How long Redis may take to connect or to answer before it counts as lost."""

_NO_ANSWER: Final = "it does not answer in time"

_INCOMPLETE: Final = object()
_UNEXPECTED: Final = "it sent replies that no command asked for"


class RedisConnection(asyncio.Protocol):
    """One connection to Redis: opened once, used until it fails, read by one task.

    The URL is ``redis://``, ``rediss://`` or ``unix://``; ``CLIENT LIST`` shows the name.
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
        self._opener: Connection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._parser = hiredis.Reader(
            replyError=ResponseError, protocolError=ResponseError, notEnoughData=_INCOMPLETE
        )
        self._transport: asyncio.WriteTransport | None = None
        self._lost_because: str | None = "not connected"
        self._writable = asyncio.Event()
        self._replies: list[Any] = []
        self._waiting: asyncio.Future[list[Any]] | None = None
        self._least = self._most = 1
        self._deadline: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            BusUnavailableError: Redis does not answer, or is not ready.
            RefusedError: It refuses, the user for example.
        """
        try:
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._opener.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            refusal = classify(str(error), "CLIENT SETNAME") or await self._refuse_plain()
            if refusal is not None:
                raise RefusedError(refusal) from error
            # Of a Redis that hangs there is a TimeoutError without a text.
            reason = str(error) or _NO_ANSWER
            raise BusUnavailableError(f"cannot connect to Redis: {reason}") from error
        # All it asked has been answered, so no byte is on its way to its own reader.
        writer = self._opener._writer  # noqa: SLF001 - redis-py offers no other way
        self._transport = cast("asyncio.StreamWriter", writer).transport
        self._lost_because = None
        self._writable.set()
        self._transport.set_protocol(self)
        if self._transport.is_closing():
            self._lose("closed by Redis")

    async def _refuse_plain(self) -> Refusal | None:
        """Return what is wrong if TLS was tried, and the server does not speak it."""
        opener = self._opener
        if isinstance(opener, SSLConnection) and await speaks_plain(opener.host, opener.port):
            return NO_TLS
        return None

    async def close(self) -> None:
        """Disconnect without waiting for anything; what is not sent yet is dropped."""
        self._abort("closed")
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._opener.disconnect(nowait=True)

    async def send(self, data: bytes) -> None:
        """Send encoded commands, and wait while Redis does not read.

        Raises:
            BusUnavailableError: The connection broke.
        """
        self._open_transport().write(data)
        if not self._writable.is_set():
            await self._writable.wait()

    def receive(self) -> asyncio.Future[list[Any]]:
        """Wait for one reply or message, and return all that came; errors are in the list.

        Has no deadline: callers set theirs around it.

        Raises:
            BusUnavailableError: The connection broke, and all before that was returned.
        """
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        if self._replies:
            self._waiting = None
            waiting.set_result(self._replies)
            self._replies = []
        elif self._lost_because is not None:
            self._fail_waiting()
        self._least, self._most = 1, sys.maxsize
        return waiting

    # A plain method and one timer: a coroutine and `asyncio.timeout` would cost each
    # exchange more than all that is done here.
    def exchange(
        self, data: bytes, count: int, seconds: float = TIMEOUT_SECONDS
    ) -> asyncio.Future[list[Any]]:
        """Send encoded commands, one or more, and wait for their replies; errors are in the list.

        A caller that stops waiting must close the connection: replies are still to come. After
        so many seconds without them the connection is lost.

        Raises:
            BusUnavailableError: The connection broke, or Redis did not answer in time.
        """
        if self._waiting is not None or self._replies:
            self._abort(_UNEXPECTED)
        self._open_transport().write(data)
        loop = asyncio.get_running_loop()
        self._waiting = waiting = loop.create_future()
        self._least = self._most = count
        self._deadline = loop.call_later(seconds, self._abort, _NO_ANSWER)
        return waiting

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Parse all complete replies; deliver them once there are as many as a caller waits for."""
        parser, replies, waiting = self._parser, self._replies, self._waiting
        broken_because = None
        try:
            parser.feed(data)
            while (reply := parser.gets()) is not _INCOMPLETE:
                replies.append(reply)
        except ResponseError as error:
            broken_because = f"it does not speak its protocol: {error}"
        if waiting is not None and len(replies) >= self._least:
            if len(replies) > self._most:
                broken_because = _UNEXPECTED
            elif not waiting.done():  # else its caller was cancelled
                self._waiting = None
                self._replies = []
                waiting.set_result(replies)
                if self._deadline is not None:
                    self._deadline.cancel()
        if broken_because is not None:
            self._abort(broken_because)

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waiting."""
        self._lose(str(exc) if exc is not None else "closed by Redis")

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders continue."""
        self._writable.set()

    def _open_transport(self) -> asyncio.WriteTransport:
        if self._transport is None or self._lost_because is not None:
            raise BusUnavailableError(f"lost Redis: {self._lost_because}")
        return self._transport

    def _abort(self, reason: str) -> None:
        self._lose(reason)
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, reason: str) -> None:
        if self._lost_because is None:
            self._lost_because = reason
        self._writable.set()
        if self._deadline is not None:
            self._deadline.cancel()
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            error = BusUnavailableError(f"lost Redis: {self._lost_because}")
            self._waiting.set_exception(error)
