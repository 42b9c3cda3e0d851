"""A charger: connects, reports its phone's level, knows what the hub has stored."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from services.simulator.devices.dialects import DialectName, dialect_of
from services.simulator.devices.disconnect_reason import Device
from services.simulator.devices.reconnect import Connected, Disconnected, Pace, stay_connected
from shared.contract.device_protocol import CHARGER_PATHS


@dataclass(frozen=True, slots=True)
class Sent:
    """A reading is on its way: its number, and the state of charge in percent.

    The number grows with each report; it is the same when a report is sent again.
    """

    number: int
    level: float


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The hub has stored a reading, and all before it."""

    number: int
    level: float


@dataclass(frozen=True, slots=True)
class Complaint:
    """The hub sent an error, or (with an empty code) something that is not in the protocol."""

    code: str
    message: str


ChargerEvent = Connected | Disconnected | Sent | Acknowledged | Complaint


@dataclass(frozen=True, slots=True)
class _Report:
    number: int
    level: float
    complaints_before: int = 0


class Charger:
    """One charger as a client of the hub, by the rules for firmware.

    It sends its level again at every connect, as the hub may have lost what it
    acknowledged before. A pong is a receipt: the hub has stored every reading
    that it got before the ping. At most one such ping is under way.

    Args:
        base_url: Where chargers connect, for example ``ws://127.0.0.1:3100``.
        pace: Delays between connection attempts.
        secret: What it presents; empty: nothing.
        dialect: How it speaks.
        notify: Told what happens; must not raise.
    """

    def __init__(
        self,
        charger_id: str,
        base_url: str,
        *,
        pace: Pace,
        secret: str = "",
        dialect: DialectName = DialectName.NATIVE,
        notify: Callable[[ChargerEvent], None],
    ) -> None:
        url = f"{base_url.rstrip('/')}{CHARGER_PATHS[0]}{charger_id}"
        self._dialect = dialect_of(dialect)
        self.device = Device("charger", charger_id, url, secret, self._dialect.subprotocol)
        self._pace = pace
        self._notify = notify
        self._connection: ClientConnection | None = None
        self._newest: _Report | None = None
        self._sent: _Report | None = None
        self._complaints = 0
        self._receipt_wanted = asyncio.Event()
        self._all_acknowledged = asyncio.Event()
        self._all_acknowledged.set()  # before the first reading there is nothing to wait for

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    @property
    def level(self) -> float | None:
        """The newest state of charge reported, in percent; none before the first."""
        return None if self._newest is None else self._newest.level

    @property
    def is_acknowledged(self) -> bool:
        """Whether the newest reading reported is acknowledged; true before the first."""
        return self._all_acknowledged.is_set()

    async def report(self, level: float) -> None:
        """Send a reading (in percent) now, or as soon as there is a connection."""
        number = 1 if self._newest is None else self._newest.number + 1
        self._newest = _Report(number, level)
        self._all_acknowledged.clear()
        if self._connection is not None:
            # If it is closing: the newest reading is sent again on the next one.
            with contextlib.suppress(ConnectionClosed):
                await self._send_newest(self._connection)

    async def all_acknowledged(self) -> None:
        """Wait until the newest reading reported is acknowledged; not before the first."""
        await self._all_acknowledged.wait()

    async def run(self) -> NoReturn:
        """Stay connected until cancelled."""
        await stay_connected(self.device, self._serve, self._notify, self._pace)

    async def _serve(self, connection: ClientConnection) -> None:
        self._sent = None
        self._receipt_wanted.clear()
        self._connection = connection
        async with asyncio.TaskGroup() as tasks:
            receipts = tasks.create_task(
                self._collect_receipts(connection), name=f"receipts of {self.device.device_id}"
            )
            try:
                for greeting in self._dialect.greet():
                    await connection.send(greeting)
                await self._send_newest(connection)
                async for message in connection:
                    for answer in self._take(message):
                        await connection.send(answer)
            except ConnectionClosed:
                pass  # a connection that ends is no error here
            finally:
                self._connection = None
                receipts.cancel()

    async def _send_newest(self, connection: ClientConnection) -> None:
        # No await before `send` writes, so readings leave in the order of their numbers.
        if self._newest is None or connection.state is not State.OPEN:
            return
        self._sent = _Report(self._newest.number, self._newest.level, self._complaints)
        self._notify(Sent(self._sent.number, self._sent.level))
        self._receipt_wanted.set()
        await connection.send(self._dialect.reading(self._sent.level))

    async def _collect_receipts(self, connection: ClientConnection) -> None:
        while True:
            await self._receipt_wanted.wait()
            self._receipt_wanted.clear()
            report = self._sent
            try:
                # The ping is written before anything else can be sent: what the
                # pong acknowledges ends with `report`.
                await (await connection.ping())
            except ConnectionClosed:
                return
            # A complaint does not say which reading it is about: no receipt after one.
            if report is not None and report.complaints_before == self._complaints:
                self._notify(Acknowledged(report.number, report.level))
                if self._newest is not None and report.number == self._newest.number:
                    self._all_acknowledged.set()

    def _take(self, message: str | bytes) -> Iterable[str]:
        """Take a message; return what to answer."""
        heard = self._dialect.hear(message, self.level)
        if heard.complaint is not None:
            self._complaints += 1
            self._notify(Complaint(*heard.complaint))
        return heard.answers
