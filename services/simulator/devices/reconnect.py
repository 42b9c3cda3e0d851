"""Stay connected: connect, serve, wait for a random time, connect again."""

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)

from services.simulator.devices.connection import WatchedConnection, dial
from services.simulator.devices.disconnect_reason import (
    NO_CLOSE_CODE,
    Closed,
    Device,
    DisconnectReason,
    Refused,
    Silent,
    Unreachable,
)
from shared.contract.device_protocol import CloseCode
from shared.process.backoff import Backoff
from shared.process.tls.client_errors import explain_tls_error

_USEFUL_SECONDS: Final = 1.0
"""A connection that lasted this long was a good one: the delays start over."""

_SLOW_SECONDS: Final = 1.0
"""Shortest delay where trying again at once does not help."""

_TRIAL_SECONDS: Final = 0.5
"""How long a connection must last after a 4404 to count as a success.

The hub lets an unregistered device in and closes the connection then; without
this, each attempt would look like a success first.
"""

_LONGEST_RETRY_AFTER_SECONDS: Final = 30.0

_SLOW_CODES: Final = frozenset(
    {
        CloseCode.NOT_REGISTERED,
        CloseCode.SUPERSEDED,
        CloseCode.POLICY,
        CloseCode.TOO_BIG,
        CloseCode.TOO_FAST,
    }
)
_FIRST_SERVER_ERROR: Final = 500
"""An HTTP status below it says that this device is wrong, or at the wrong place."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A device has a connection."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A device has no connection, and tries again in ``retry_in`` seconds."""

    reason: DisconnectReason
    retry_in: float


class Pace:
    """How long a device waits before it connects again."""

    def __init__(self, rng: random.Random) -> None:
        self._quick = Backoff(0.1, 5.0, rng)
        self._slow = Backoff(1.0, 10.0, rng)

    def delay(self, reason: DisconnectReason, lasted: float) -> float:
        """Return the delay in seconds, after a connection that lasted so many seconds, or 0."""
        if lasted >= _USEFUL_SECONDS:
            self._quick.reset()
            self._slow.reset()
        match reason:
            case Closed(code) if code in _SLOW_CODES:
                return _SLOW_SECONDS + self._slow.delay()
            case Refused(http_status) if http_status < _FIRST_SERVER_ERROR:
                return _SLOW_SECONDS + self._slow.delay()
            case Refused(retry_after=seconds):
                return min(seconds, _LONGEST_RETRY_AFTER_SECONDS) + self._quick.delay()
            case _:
                return self._quick.delay()


async def stay_connected(
    device: Device,
    serve: Callable[[ClientConnection], Awaitable[None]],
    notify: Callable[[Connected | Disconnected], None],
    pace: Pace,
) -> NoReturn:
    """Keep a connection to the hub until cancelled.

    ``serve`` uses a connection until it ends, and may raise `ConnectionClosed`. ``notify`` is told
    of each connection before it is used, and of each end and each failed attempt.
    """
    reason: DisconnectReason = Closed(NO_CLOSE_CODE)
    while True:
        started_at = time.monotonic()
        on_trial = isinstance(reason, Closed) and reason.code == CloseCode.NOT_REGISTERED
        try:
            connection = await dial(device)
        # All that the library raises: a connection may end in the middle of a handshake too.
        except (OSError, TimeoutError, WebSocketException) as error:
            reason, lasted = _refusal(error), 0.0
        else:
            try:
                if not on_trial or await _survives_trial(connection):
                    notify(Connected())
                    await serve(connection)
            except ConnectionClosed:
                pass  # this is how connections end
            finally:
                await connection.close()
            reason, lasted = _end_of(connection), time.monotonic() - started_at
        delay = pace.delay(reason, lasted)
        notify(Disconnected(reason, delay))
        await asyncio.sleep(delay)


async def _survives_trial(connection: ClientConnection) -> bool:
    try:
        async with asyncio.timeout(_TRIAL_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        return True
    return False


def _end_of(connection: ClientConnection) -> DisconnectReason:
    if isinstance(connection, WatchedConnection) and connection.fell_silent:
        return Silent(connection.silence_seconds)
    return Closed(connection.close_code or NO_CLOSE_CODE, connection.close_reason or "")


def _refusal(error: Exception) -> DisconnectReason:
    if not isinstance(error, InvalidStatus):
        return Unreachable(_words_of(error))
    # The other form, an HTTP date, is not worth reading here.
    waits = error.response.headers.get_all("Retry-After")
    wait = max((float(text) for text in waits if text.isdecimal()), default=0.0)
    return Refused(error.response.status_code, wait)


def _words_of(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case socket.gaierror():
            return "its name is not known"
        case TimeoutError():
            return "no answer in time"
        case ConnectionClosed():
            return "the connection ended during the handshake"
        case InvalidHandshake():
            hint = "; if it speaks TLS, take wss://" if isinstance(error, InvalidMessage) else ""
            return f"no WebSocket handshake there ({error}){hint}"
        case _:
            return explain_tls_error(str(error)) or type(error).__name__
