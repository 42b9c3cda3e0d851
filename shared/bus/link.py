"""One connection to Redis that never reconnects behind anybody's back.

Client libraries reconnect silently, which would hide the one moment that
matters: after a loss everything must be read and stored again. So this is
redis-py's connection (address, TLS, credentials, RESP parsing by hiredis)
without its pool and its retries; opening it again is the owner's decision.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.bus.script import Argument

TIMEOUT_SECONDS: Final = 1.0
"""How long Redis may take to connect or to answer before it counts as lost."""


class BusUnavailableError(Exception):
    """Redis can not be used right now; try again after a while."""


class Link:
    """One connection to Redis, opened once, used until it fails.

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

    async def close(self) -> None:
        """Disconnect without waiting for anything."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._connection.disconnect(nowait=True)

    async def send(self, commands: Iterable[Sequence[Argument]]) -> None:
        """Send commands in one write.

        Raises:
            BusUnavailableError: The connection broke, or Redis does not read.
        """
        try:
            packed = self._connection.pack_commands(commands)
            await self._connection.send_packed_command(packed, check_health=False)
        except (RedisError, OSError, TimeoutError) as error:
            raise BusUnavailableError(f"lost Redis while sending: {error}") from error

    async def receive(self) -> Any:
        """Return the next reply; an error reply is returned, not raised.

        There is no deadline in here: redis-py's own one returns None when it
        passes, which is also how it returns Redis' nil. Callers set theirs around it.

        Raises:
            BusUnavailableError: The connection broke.
        """
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error
        except (RedisError, OSError) as error:
            raise BusUnavailableError(f"lost Redis while waiting: {error}") from error
