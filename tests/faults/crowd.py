"""Two thousand devices that come back at one moment: raw sockets, so that they cost little here."""

import asyncio
import random
import time
from typing import Final, cast

from services.simulator.fleet.pairs import Pair, numbered_pairs
from tests.faults.booth import Booth

PAIRS: Final = 1000
SECONDS: Final = 100.0
_STATUS: Final = b'"status":"charged"'
_READING: Final = b'{"event":"StateOfCharge","data":{"soc":100}}'
_HEAD: Final = (
    "GET /{kind}/{id} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_PING: Final = 0x89


class Device(asyncio.Protocol):
    """One of the crowd, as small as it can be: it shakes hands, and answers pings.

    A charger says 100 % right behind its handshake; a widget is content once it is green.
    """

    def __init__(self, kind: str, device_id: str, port: int) -> None:
        self._kind = kind
        self._id = device_id
        self._port = port
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        self.shaken = asyncio.Event()
        self.content = asyncio.Event()
        self.attempts = 0

    async def connect(self, rng: random.Random) -> None:
        """Connect, as often as it takes; return once it is content."""
        loop = asyncio.get_running_loop()
        self.attempts = 0
        while not self.content.is_set():
            self.attempts += 1
            self._received.clear()
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
        """Be gone at once."""
        self.content.clear()
        self.shaken.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._gone.clear()
        self._transport = cast("asyncio.Transport", transport)
        message = _HEAD.format(kind=self._kind, id=self._id).encode()
        if self._kind == "chargers":
            message += _masked(0x81, _READING)
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.shaken.is_set():
            head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._close()
                return
            self._received = bytearray(rest)
            self.shaken.set()
            if self._kind == "chargers":
                self.content.set()
        self._frames()

    def _frames(self) -> None:
        # A server's frames are not masked, and these are all shorter than 126 bytes.
        while len(self._received) >= 2 and len(self._received) >= 2 + self._received[1]:
            length = self._received[1]
            opcode, payload = self._received[0], bytes(self._received[2 : 2 + length])
            del self._received[: 2 + length]
            if opcode == _PING and self._transport is not None:
                self._transport.write(_masked(0x8A, payload))
            elif _STATUS in payload:
                self.content.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.shaken.clear()
        self._gone.set()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _masked(first: int, payload: bytes) -> bytes:
    # A mask of zeros leaves the payload as it is (RFC 6455 section 5.3 wants one all the same).
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def reconnects(booth: Booth) -> None:
    """Have a crowd lose all its connections at once and come back."""
    if "crowd" not in booth.kept:
        booth.kept["crowd"] = await _begin(booth)
    crowd: list[Device] = booth.kept["crowd"]
    # It is over when all of them are back: how soon that is, is a matter of the machine.
    async with booth.fault("crowd"), asyncio.timeout(SECONDS):
        for device in crowd:
            device.vanish()
        began = time.monotonic()
        await asyncio.gather(*(device.connect(booth.rng) for device in crowd))
    most = max(device.attempts for device in crowd)
    booth.notes.append(f"crowd lit after {time.monotonic() - began:.1f} s, {most} attempts at most")


async def _begin(booth: Booth) -> list[Device]:
    # As a fault is shorter in the short form of the matrix, this crowd is smaller there.
    pairs = numbered_pairs("crowd", round(booth.seconds(PAIRS)))
    await booth.hub.register_many(_csv(pairs))
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


def _csv(pairs: list[Pair]) -> bytes:
    rows = [f"charger,{pair.charger},{pair.widget}\nwidget,{pair.widget},\n" for pair in pairs]
    return ("kind,id,widget\n" + "".join(rows)).encode()
