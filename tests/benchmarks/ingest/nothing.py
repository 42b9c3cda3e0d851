"""A server that does nothing: answers the upgrade, then reads and throws away."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final

from prometheus_client.core import CounterMetricFamily

from shared.process.metrics.fast_counter import FastCounter
from tests.benchmarks.generator.sending import FRAME_BYTES
from tests.benchmarks.ingest.serving import BACKLOG, HOST, main

_ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
)


class _Counter(FastCounter):
    """Counts bytes, and says frames: all have the same size."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        for family in super().collect():
            for sample in family.samples:
                yield CounterMetricFamily(
                    family.name, family.documentation, sample.value // FRAME_BYTES
                )


class _Connection(asyncio.Protocol):
    __slots__ = ("_open", "_received", "_transport")

    def __init__(self, received: FastCounter) -> None:
        self._received = received
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._open:
            self._received.value += len(data)
        else:
            # The generator sends its request in one segment, and waits for the answer.
            self._open = True
            self._transport.write(_ANSWER)  # type: ignore[attr-defined] # uvloop's is none by class


async def _open(port: int, received: FastCounter, stack: AsyncExitStack) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(received), HOST, port, backlog=BACKLOG
    )
    stack.callback(server.close)


if __name__ == "__main__":
    main(_open, received=_Counter("chargelight_readings_received", "Readings received."))
