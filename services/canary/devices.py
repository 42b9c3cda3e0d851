"""The canary's charger and widget, as clients of the hub by the rules for firmware."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from shared.contract.device_protocol import (
    CHARGER_PATHS,
    CHARGING_STATUS_EVENT,
    STATE_OF_CHARGE_EVENT,
    WIDGET_PATHS,
    ChargingStatus,
)
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_FIRST_DELAY_SECONDS: Final = 0.2
_LONGEST_DELAY_SECONDS: Final = 5.0
_USEFUL_SECONDS: Final = 1.0
"""A connection that lasted so long was a good one: delays start over."""
_HANDSHAKE_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
_PING_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 30.0
"""A hub that answers no ping for so long is not there. While Redis is away, pongs wait."""


class _Status(msgspec.Struct, tag_field="event", tag=CHARGING_STATUS_EVENT):
    """What a widget is told."""

    class Data(msgspec.Struct):
        """Its data."""

        status: ChargingStatus

    data: Data


_decode_status: Final = msgspec.json.Decoder(_Status).decode


class _Dial(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow no redirect, as firmware."""
        return exc


class _Link:
    """Stays connected: connects again with back-off.

    ``serve`` uses a connection until it ends, and may raise `ConnectionClosed`.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        serve: Callable[[ClientConnection], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        self._url = url
        self._serve = serve
        self._headers = {"Authorization": f"Bearer {secret}"} if secret else None
        self._backoff = Backoff(_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS, rng)
        self._failures = RateLimitedLog(_log, "a device of the canary cannot connect")

    async def run(self) -> NoReturn:
        """Stay connected until cancelled."""
        while True:
            opened_at: float | None = None
            try:
                async with _Dial(
                    self._url,
                    additional_headers=self._headers,
                    compression=None,
                    proxy=None,
                    open_timeout=_HANDSHAKE_SECONDS,
                    close_timeout=_CLOSE_SECONDS,
                    ping_interval=_PING_SECONDS,
                    ping_timeout=_SILENCE_SECONDS,
                ) as connection:
                    opened_at = time.monotonic()
                    await self._serve(connection)
            # All that the library raises: a connection may end in the middle of a handshake, too.
            except (OSError, TimeoutError, WebSocketException) as error:
                self._failures.log(f"{self._url}: {error}")
            if opened_at is not None and time.monotonic() - opened_at >= _USEFUL_SECONDS:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.delay())


class Charger:
    """Sends a reading, and again at each connect; asks for a receipt of each."""

    def __init__(
        self,
        base_url: str,
        charger_id: str,
        secret: str,
        *,
        on_sent: Callable[[], None],
        on_acknowledged: Callable[[], None],
        rng: random.Random,
    ) -> None:
        url = f"{base_url.rstrip('/')}{CHARGER_PATHS[0]}{charger_id}"
        self.run = _Link(url, secret, self._serve, rng).run
        self._on_sent = on_sent
        self._on_acknowledged = on_acknowledged
        self._connection: ClientConnection | None = None
        self._level: float | None = None
        self._number = 0

    async def report(self, level: float) -> None:
        """Send a reading now, or as soon as there is a connection."""
        self._level = level
        self._number += 1
        if self._connection is not None:
            # If it is closing: it is sent on the next one.
            with contextlib.suppress(ConnectionClosed):
                await self._send(self._connection)

    async def _serve(self, connection: ClientConnection) -> None:
        self._connection = connection
        try:
            await self._send(connection)
            async for message in connection:
                _log.warning("the canary's charger was told", message=str(message)[:200])
        finally:
            self._connection = None

    async def _send(self, connection: ClientConnection) -> None:
        number = self._number
        if self._level is None:
            return
        reading = {"event": STATE_OF_CHARGE_EVENT, "data": {"soc": self._level}}
        self._on_sent()
        await connection.send(msgspec.json.encode(reading).decode())
        receipt = asyncio.ensure_future(await connection.ping())

        def on_receipt(done: asyncio.Future[float]) -> None:
            is_answered = not done.cancelled() and done.exception() is None
            if is_answered and number == self._number:
                self._on_acknowledged()

        receipt.add_done_callback(on_receipt)


class Widget:
    """Shows the light that the hub says; dark without a connection."""

    def __init__(
        self,
        base_url: str,
        widget_id: str,
        secret: str,
        *,
        on_lit: Callable[[ChargingStatus], None],
        on_lost: Callable[[], None],
        rng: random.Random,
    ) -> None:
        url = f"{base_url.rstrip('/')}{WIDGET_PATHS[0]}{widget_id}"
        self.run = _Link(url, secret, self._serve, rng).run
        self._on_lit = on_lit
        self._on_lost = on_lost

    async def _serve(self, connection: ClientConnection) -> None:
        try:
            async for message in connection:
                try:
                    status = _decode_status(message)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    _log.warning("not a status", reason=str(error))
                else:
                    self._on_lit(status.data.status)
        finally:
            self._on_lost()
