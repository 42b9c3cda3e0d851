"""Two thousand devices that come back at one moment: raw sockets, so that they cost little here."""

import asyncio
import random
import time
from http import HTTPStatus
from typing import Final

from services.simulator.fleet.pairs import numbered_pairs
from shared.contract.device_protocol import CloseCode
from tests.faults.booth import Booth
from tests.fixtures.raw_device import RawDevice
from tests.fixtures.raw_frames import reading

PAIRS: Final = 1000
SECONDS: Final = 100.0
_STATUS: Final = b'"status":"charged"'
_GOING_AWAY: Final = CloseCode.GOING_AWAY.to_bytes(2, "big")


class Device(RawDevice):
    """One of the crowd.

    A charger says 100 % right after its handshake, and again if it is asked to (1001); a widget
    is content once it is green.
    """

    def __init__(self, kind: str, device_id: str, port: int) -> None:
        self._is_charger = kind == "chargers"
        super().__init__(f"/{kind}/{device_id}")
        self._port = port
        self._gone = asyncio.Event()
        self._gone.set()
        self.content = asyncio.Event()
        self.attempts = 0
        self._rng = random.Random(device_id)
        self._again: asyncio.Task[None] | None = None

    async def connect(self, rng: random.Random) -> None:
        """Connect, as often as it takes; return once it is content."""
        loop = asyncio.get_running_loop()
        self.attempts = 0
        while not self.content.is_set():
            self.attempts += 1
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(rng.uniform(0.1, 0.5))
                continue
            done, pending = await asyncio.wait(
                [asyncio.create_task(self.content.wait()), asyncio.create_task(self._gone.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in [*done, *pending]:
                task.cancel()
            if not self.content.is_set():
                await asyncio.sleep(rng.uniform(0.1, 1.0))

    def vanish(self) -> None:
        self.content.clear()
        if self._again is not None:
            self._again.cancel()
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._gone.clear()
        super().connection_made(transport)

    def on_answer(self, status: int, head: bytes) -> None:  # noqa: ARG002
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.transport.close()
        elif self._is_charger:
            self.transport.write(reading(100))
            self.content.set()

    def on_frame(self, payload: bytes) -> None:
        if _STATUS in payload:
            self.content.set()
        elif payload.startswith(_GOING_AWAY):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._gone.set()
        if self._is_charger and self.content.is_set():
            self.content.clear()
            self._again = asyncio.get_running_loop().create_task(self.connect(self._rng))


async def reconnects(booth: Booth) -> None:
    crowd = await gathered(booth)
    # It is over when all of them are back: how soon that is, is a matter of the machine.
    async with booth.fault("crowd"), asyncio.timeout(SECONDS):
        for device in crowd:
            device.vanish()
        began = time.monotonic()
        await asyncio.gather(*(device.connect(booth.rng) for device in crowd))
    most = max(device.attempts for device in crowd)
    booth.notes.append(f"crowd lit after {time.monotonic() - began:.1f} s, {most} attempts at most")


async def gathered(booth: Booth) -> list[Device]:
    """Return the crowd, all connected and lit."""
    if "crowd" not in booth.kept:
        booth.kept["crowd"] = await _begin(booth)
    crowd: list[Device] = booth.kept["crowd"]
    return crowd


async def _begin(booth: Booth) -> list[Device]:
    # As a fault is shorter in the short form of the matrix, this crowd is smaller there.
    pairs = numbered_pairs("crowd", round(booth.seconds(PAIRS)))
    await booth.hub.register_many((pair.charger, pair.widget) for pair in pairs)
    chargers, widgets = booth.balancer.chargers.port, booth.balancer.widgets.port
    crowd: list[Device] = []
    for pair in pairs:
        crowd.append(Device("chargers", pair.charger, chargers))
        crowd.append(Device("widgets", pair.widget, widgets))
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(device.connect(booth.rng) for device in crowd))
    for device in crowd:
        booth.closing.callback(device.vanish)
    return crowd
