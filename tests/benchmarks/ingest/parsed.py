"""The gateway's own connections with nobody behind them: parsed, validated, not stored."""

import asyncio
import time
from contextlib import AsyncExitStack

from services.gateway import metrics
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.settings import GatewaySettings
from shared.process.fast_counter import FastCounter
from tests.benchmarks.ingest.serving import BACKLOG, HOST, main


class Nobody:
    """Takes what chargers report, and forgets it."""

    def connected(self, charger: ChargerConnection) -> None:
        """Give it some epoch."""
        charger.epoch = 1

    def reported(self, charger: ChargerConnection) -> None:
        """Call it stored, so that receipts are given."""
        charger.stored_sequence = charger.sequence

    def closing(self, charger: ChargerConnection) -> None:
        """Hold nothing."""

    def disconnected(self, charger: ChargerConnection) -> None:
        """Forget it."""


async def _open(port: int, _: FastCounter, stack: AsyncExitStack) -> None:
    settings = GatewaySettings()
    gate = ConnectionContext(settings, TimerWheel(time.monotonic), time.monotonic)
    nobody = Nobody()
    server = await asyncio.get_running_loop().create_server(
        lambda: ChargerConnection(gate, nobody, settings.partitions), HOST, port, backlog=BACKLOG
    )
    stack.callback(server.close)
    for name, wheel in (("timers", gate.wheel), ("rests", gate.resting)):
        task = asyncio.create_task(wheel.run(), name=name)
        stack.callback(task.cancel)


if __name__ == "__main__":
    # It counts by itself: two counters of one name can not be.
    main(_open, received=metrics.READINGS)
