"""Chargers in this process: they shake hands, send readings, and read nothing but the 101."""

import asyncio
import ssl
from typing import Final, cast

from tests.benchmarks.ingest.serving import HOST
from tests.fixtures.raw_frames import PING, TEXT, handshake, masked

_AT_ONCE: Final = 32
A_PING: Final = masked(PING, b"1234")
A_READING: Final = masked(TEXT, b'{"event":"StateOfCharge","data":{"soc":70}}')


class Charger(asyncio.Protocol):
    """One connection."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(handshake(f"/chargers/c{self._number}"))

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self.opened.set_result(data)

    def send(self, frame: bytes) -> None:
        self.transport.write(frame)


async def connect(port: int, count: int, context: ssl.SSLContext | None) -> list[Charger]:
    """Connect so many chargers, some at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Charger:
        async with gate:
            _, charger = await asyncio.get_running_loop().create_connection(
                lambda: Charger(number),
                HOST,
                port,
                ssl=context,
                server_hostname="localhost" if context else None,
            )
            assert (await charger.opened).startswith(b"HTTP/1.1 101")
            return charger

    return await asyncio.gather(*(one(number) for number in range(count)))


async def send(chargers: list[Charger], frame: bytes, rounds: int, seconds: float) -> None:
    """Let each send a frame, so many times, spread over some seconds."""
    pieces = 20
    for _ in range(rounds):
        for piece in range(pieces):
            for charger in chargers[piece::pieces]:
                charger.send(frame)
            await asyncio.sleep(seconds / rounds / pieces)


async def close(chargers: list[Charger]) -> None:
    """End them all."""
    for charger in chargers:
        charger.transport.abort()
    await asyncio.sleep(0.2)
