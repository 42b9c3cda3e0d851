"""What the servers have in common that the gateway is measured against: start, count, stop."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import uvloop

from shared.process import health
from shared.process.listeners import ListenAddress
from shared.process.metrics.fast_counter import FastCounter

HOST = "127.0.0.1"
BACKLOG = 4096
PORT_VARIABLE = "CHARGELIGHT_BENCHMARK_PORT"
HEALTH_PORT_VARIABLE = "CHARGELIGHT_BENCHMARK_HEALTH_PORT"

Open = Callable[[int, FastCounter, AsyncExitStack], Awaitable[None]]
"""Opens a server on a port, which counts readings in the tally, and is closed by the stack."""


def main(open_server: Open, *, fast_loop: bool = True, received: FastCounter | None = None) -> None:
    """Serve until SIGTERM; readings are counted under the name that the gateway uses too."""
    if received is None:
        received = FastCounter("chargelight_readings_received", "Readings received.")
    counter = received

    async def serve() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with AsyncExitStack() as stack:
            await open_server(int(os.environ[PORT_VARIABLE]), counter, stack)
            health_port = int(os.environ[HEALTH_PORT_VARIABLE])
            await stack.enter_async_context(
                health.listening(ListenAddress(HOST, health_port), lambda: None)
            )
            await stop.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if fast_loop else None) as runner:
        runner.run(serve())
