"""Two connections of one charger on two gateways, whose readings cross: the newest one counts."""

import asyncio
import contextlib
import time
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from services.simulator.devices import messages
from services.simulator.fleet.pairs import Pair
from shared.contract.device_protocol import ChargingStatus, CloseCode
from tests.faults.booth import Booth
from tests.faults.history import Acknowledged, Sent

_PAIR: Final = Pair("twin-c", "twin-w")
_ROUNDS: Final = 3
_CROSSING: Final = 20
_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5
_CALLS: Final = (
    (ChargingStatus.CHARGING, 10.0),
    (ChargingStatus.CHARGING80, 85.0),
    (ChargingStatus.CHARGED, 100.0),
)


async def cross(booth: Booth) -> None:
    """Connect a charger again while its old connection goes on sending other readings."""
    if _PAIR.widget not in booth.devices.widgets:
        await booth.hub.register((_PAIR.charger, _PAIR.widget))
        booth.devices.record_pairing(_PAIR.charger, _PAIR.widget)
        booth.devices.add_widget(_PAIR.widget)
    old: _Twin | None = booth.kept.get("twin")
    for _ in range(_ROUNDS):
        newer = await _Twin.connect(booth, 1 if old is None else old.number + 1)
        await newer.send_first()
        if old is not None:
            await asyncio.gather(old.send_superseded(), newer.repeat())
        newer.stay()
        old = booth.kept["twin"] = newer
    async with booth.fault("twins"):
        pass


class _Twin:
    def __init__(self, booth: Booth, connection: ClientConnection, number: int) -> None:
        self.number = number
        self._booth = booth
        self._connection = connection
        self._staying: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, booth: Booth, number: int) -> "_Twin":
        url = booth.some_gateway().charger_url(_PAIR.charger)
        twin = cls(booth, await _dial(url), number)
        booth.closing.push_async_callback(twin.close)
        return twin

    def stay(self) -> None:
        """Connect again from now on, as a charger does, until a newer connection counts."""
        self._staying = asyncio.create_task(self._stay(), name=f"twin {self.number}")

    async def _stay(self) -> None:
        url = f"{self._booth.devices.chargers_url}/chargers/{_PAIR.charger}"
        while True:
            await self._connection.wait_closed()
            if self._connection.close_code == CloseCode.SUPERSEDED:
                return
            with contextlib.suppress(OSError, TimeoutError, InvalidHandshake, ConnectionClosed):
                self._connection = await _dial(url)
                await self.send_first()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def send_first(self) -> None:
        """Send a reading that counts, and wait for its receipt."""
        status, level = _CALLS[self.number % len(_CALLS)]
        self._booth.devices.record(Sent(time.monotonic(), _PAIR.charger, self.number, status))
        await self._connection.send(messages.reading(level))
        async with asyncio.timeout(_SECONDS):
            await (await self._connection.ping())
        self._booth.devices.record(Acknowledged(time.monotonic(), _PAIR.charger, self.number))

    async def repeat(self) -> None:
        level = _CALLS[self.number % len(_CALLS)][1]
        for _ in range(_CROSSING):
            await self._connection.send(messages.reading(level))
            await asyncio.sleep(0.005)

    async def send_superseded(self) -> None:
        """Send other readings although a newer connection counts: the gateway must close it."""
        level = _CALLS[(self.number + 2) % len(_CALLS)][1]
        with contextlib.suppress(ConnectionClosed):
            for _ in range(_CROSSING):
                await self._connection.send(messages.reading(level))
                await asyncio.sleep(0.005)
        async with asyncio.timeout(_SECONDS):
            await self._connection.wait_closed()
        assert self._connection.close_code == CloseCode.SUPERSEDED, self._connection.close_code

    async def close(self) -> None:
        if self._staying is not None:
            self._staying.cancel()
        await self._connection.close()


async def _dial(url: str) -> ClientConnection:
    return await connect(url, compression=None, proxy=None, close_timeout=1)
