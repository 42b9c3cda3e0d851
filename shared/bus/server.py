"""One Redis server: connected to when it is next needed, one exchange at a time."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.connection import TIMEOUT_SECONDS, RedisConnection
from shared.bus.connection_metrics import MAIN, ConnectionMetrics
from shared.bus.refusals.refusal import RefusedError, classify, refuse
from shared.bus.resp_encoding import encode_command
from shared.process import logs
from shared.process.loss_log import LossLog

_log = logs.get(__name__)

_REFUSED_SECONDS: Final = 2.5
"""What was refused is tried again within this time, so without a refusal for so long there is
none any more."""


def is_no_script(error: str) -> bool:
    """Whether a server only has to be given a script."""
    return error.startswith("NOSCRIPT")


class WritesOver:
    """A `shared.bus.bus.Writes` over the present connection to a server."""

    __slots__ = ("_server",)

    def __init__(self, server: "Server") -> None:
        self._server = server

    async def replicas(self, enough: int, seconds: float) -> int:
        """As `Writes.replicas`."""
        return await self._server.replicas(self, enough, seconds)


@dataclass(eq=False, repr=False)
class Server:
    """A connection to one server, opened when next needed."""

    url: str
    name: str
    is_temporary: Callable[[str], bool] = is_no_script
    """Whether the caller gets over an error itself."""
    clock: Callable[[], float] = time.monotonic
    purpose: str = MAIN
    """As its metrics name it."""

    def __post_init__(self) -> None:
        self._metrics = ConnectionMetrics(self.purpose)
        self._connection: RedisConnection | None = None
        self._on_reconnected: list[Callable[[], None]] = []
        self._losses = LossLog(_log, "redis is lost", "redis is back")
        self._lost_because: BusUnavailableError | None = None
        self._refused: RefusedError | None = None
        self._refused_at = 0.0
        self.lock = asyncio.Lock()
        self.is_lost = False
        self.writes = WritesOver(self)

    @property
    def connected(self) -> bool:
        """Whether the last exchange went well."""
        return self._connection is not None

    @property
    def trouble(self) -> BusUnavailableError | None:
        """Why it is not connected, or what it refused within the last seconds."""
        if self._refused is not None and self.clock() - self._refused_at <= _REFUSED_SECONDS:
            return self._refused
        return self._lost_because

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each reconnect."""
        self._on_reconnected.append(callback)

    async def exchange(self, data: bytes, count: int) -> tuple[list[Any], list[ResponseError]]:
        """Send encoded commands; return all replies, and which of them are errors.

        Raises:
            BusUnavailableError: The server is away.
        """
        async with self.lock:
            connection = self._connection or await self._open()
            sent = self.clock()
            try:
                replies = await connection.exchange(data, count, TIMEOUT_SECONDS + 1e-3 * count)
            except BusUnavailableError as error:
                self._metrics.on_exchanged(self.clock() - sent)
                await self._lose(error)
                raise
            except BaseException:
                # Cancelled: replies would be left over for the next caller.
                await self._lose(BusUnavailableError("an exchange was given up"))
                raise
            self._metrics.on_exchanged(self.clock() - sent)
            # Runs for each exchange, and errors are rare: so no loop in Python. It finds errors
            # of exactly this class, the only one that the connection makes.
            if ResponseError not in map(type, replies):
                if self._refused is not None:
                    self._note_answer()
                return replies, []
            errors = [reply for reply in replies if isinstance(reply, ResponseError)]
            await self._note_refusals(errors)
            return replies, errors

    async def replicas(self, writes: WritesOver, enough: int, seconds: float) -> int:
        """Do what `Writes.replicas` says, with WAIT: it counts what its own connection wrote.

        https://redis.io/docs/latest/commands/wait/
        """
        command = encode_command(("WAIT", enough, round(seconds * 1000)))
        async with self.lock:
            if self._connection is None or writes is not self.writes:
                raise BusUnavailableError("the connection that it was written over is lost")
            try:
                (reply,) = await self._connection.exchange(command, 1, TIMEOUT_SECONDS + seconds)
            except BusUnavailableError as error:
                await self._lose(error)
                raise
            except BaseException:
                await self._lose(BusUnavailableError("an exchange was given up"))
                raise
            if not isinstance(reply, ResponseError):
                return int(reply)
            await self._note_refusals([reply])
            if classify(str(reply), "WAIT") is None:  # it has become a replica
                raise BusUnavailableError(f"WAIT: {reply}")
            return 0

    def forget_writes(self) -> None:
        """Tell those who wait for replicas that something was written elsewhere."""
        self.writes = WritesOver(self)

    async def drop_connection(self, reason: str) -> None:
        """Close the connection as one that was lost."""
        async with self.lock:
            await self._lose(BusUnavailableError(reason))

    async def close(self) -> None:
        """Disconnect. Another exchange connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> RedisConnection:
        connection = RedisConnection(self.url, self.name)
        try:
            await connection.open()
        except BusUnavailableError as error:
            self._note_loss(error)
            raise
        self._connection = connection
        self.forget_writes()
        self._lost_because = None
        if self.is_lost:
            self.is_lost = False
            self._losses.back(connection=self.name)
            self._call_back()
        return connection

    async def _lose(self, reason: BusUnavailableError) -> None:
        if self._connection is not None:
            self._metrics.on_lost()
        self._losses.lost(connection=self.name, reason=str(reason))
        self._note_loss(reason)
        self.is_lost = True
        await self.close()

    def _note_loss(self, reason: BusUnavailableError) -> None:
        if isinstance(reason, RefusedError):
            self._refused, self._refused_at = reason, self.clock()
        # Without the refusal, which may be over when this is used the next time.
        self._lost_because = BusUnavailableError(str(reason))

    async def _note_refusals(self, errors: Sequence[ResponseError]) -> None:
        for error in map(str, errors):
            refusal = None if self.is_temporary(error) else classify(error)
            if refusal is not None:
                self._refused, self._refused_at = RefusedError(refusal), self.clock()
                if refusal.ends_connection:
                    await self._lose(self._refused)
                return

    def _note_answer(self) -> None:
        # Reads may be answered while writes are refused: only time tells.
        if self.clock() - self._refused_at > _REFUSED_SECONDS:
            self._refused = None
            # What was refused in the middle of a script is half done.
            self._call_back()

    def _call_back(self) -> None:
        for callback in self._on_reconnected:
            callback()


def check_replies(
    names: Sequence[str], replies: Sequence[Any], *, return_errors: bool
) -> list[Any]:
    """Return replies to the named commands; their errors say which one failed.

    Raises:
        RefusedError: An error tells of a server's condition.
        ResponseError: There is another error, and ``return_errors`` is false.
    """
    if ResponseError not in map(type, replies):
        return list(replies)
    refuse(
        (name, str(reply))
        for name, reply in zip(names, replies, strict=True)
        if isinstance(reply, ResponseError)
    )
    checked = [
        ResponseError(f"{name}: {reply}") if isinstance(reply, ResponseError) else reply
        for name, reply in zip(names, replies, strict=True)
    ]
    if not return_errors:
        raise next(reply for reply in checked if isinstance(reply, ResponseError))
    return checked


def microseconds_of(time: Sequence[bytes]) -> int:
    """Read a reply to TIME, in µs since 1970."""
    seconds, microseconds = time
    return int(seconds) * 1_000_000 + int(microseconds)
