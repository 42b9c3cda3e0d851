"""One Redis server: connected to when it is next needed, one exchange at a time."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.connection import TIMEOUT_SECONDS, RedisConnection
from shared.process import logs

_log = logs.get(__name__)

# Error replies that tell of Redis' condition, not of a bug of ours. At the start of
# the text, or (from within a script, before Redis 7) after a dash.
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
_CONDITION: Final = re.compile(
    r"(?:^|-)(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|BUSY|OOM|MISCONF"
    r"|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b"
)


def is_about_server(error: str) -> bool:
    """Whether an error is about the server (it loads, it is a replica), not about the command."""
    return _CONDITION.search(error) is not None


@dataclass(eq=False, repr=False)
class Server:
    """A connection to one server, opened when next needed."""

    url: str
    name: str
    ends_connection: Callable[[str], bool] = is_about_server
    """Whether an error calls for a new connection, which may lead to a better server."""

    def __post_init__(self) -> None:
        self._connection: RedisConnection | None = None
        self._on_reconnected: list[Callable[[], None]] = []
        self.lock = asyncio.Lock()
        self.is_lost = False

    @property
    def connected(self) -> bool:
        """Whether the last exchange went well."""
        return self._connection is not None

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
            try:
                replies = await connection.exchange(data, count, TIMEOUT_SECONDS + 1e-3 * count)
            except BaseException:
                # Also when cancelled: replies would be left over for the next caller.
                await self._lose()
                raise
            # Runs for each exchange, and errors are rare: so no loop in Python. It finds errors
            # of exactly this class, the only one that the connection makes.
            if ResponseError not in map(type, replies):
                return replies, []
            errors = [reply for reply in replies if isinstance(reply, ResponseError)]
            if any(self.ends_connection(str(error)) for error in errors):
                await self._lose()
            return replies, errors

    async def drop_connection(self) -> None:
        """Close the connection as one that was lost."""
        async with self.lock:
            await self._lose()

    async def close(self) -> None:
        """Disconnect. Another exchange connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> RedisConnection:
        connection = RedisConnection(self.url, self.name)
        await connection.open()
        self._connection = connection
        if self.is_lost:
            self.is_lost = False
            _log.info("redis is back", connection=self.name)
            for callback in self._on_reconnected:
                callback()
        return connection

    async def _lose(self) -> None:
        if not self.is_lost:
            _log.warning("redis is lost", connection=self.name)
        self.is_lost = True
        await self.close()


def check_replies(
    names: Sequence[str], replies: Sequence[Any], *, return_errors: bool
) -> list[Any]:
    """Return replies to the named commands; their errors say which one failed.

    Raises:
        BusUnavailableError: An error tells of a server's condition.
        ResponseError: There is another error, and ``return_errors`` is false.
    """
    if ResponseError not in map(type, replies):
        return list(replies)
    checked: list[Any] = []
    failures: list[ResponseError] = []
    for name, reply in zip(names, replies, strict=True):
        if not isinstance(reply, ResponseError):
            checked.append(reply)
            continue
        if is_about_server(str(reply)):
            raise BusUnavailableError(f"Redis refuses {name}: {reply}")
        failures.append(ResponseError(f"{name}: {reply}"))
        checked.append(failures[-1])
    if failures and not return_errors:
        raise failures[0]
    return checked


def microseconds_of(time: Sequence[bytes]) -> int:
    """Read a reply to TIME, in µs since 1970."""
    seconds, microseconds = time
    return int(seconds) * 1_000_000 + int(microseconds)
