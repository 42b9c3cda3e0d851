"""The gateway's own connections with nobody behind them: parsed, validated, not stored."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from services.gateway import metrics
from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.handshake import Handshake
from services.gateway.known_pairing import KnownPairing
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings
from shared.process.metrics.fast_counter import FastCounter
from tests.benchmarks.ingest.serving import BACKLOG, HOST, main

_PAIRING: Final = KnownPairing(1, "1-9f2c7a1b4e0d3c55")


class Nobody:
    """Takes what chargers report, and forgets it."""

    def on_connected(self, charger: ChargerConnection) -> None:
        """Give it some epoch, and a pairing."""
        charger.epoch = 1
        charger.on_pairing_read(_PAIRING)

    def on_reading(self, charger: ChargerConnection) -> None:
        """Call it stored, so that receipts are given."""
        charger.stored_sequence = charger.sequence

    def on_uncertain(self, charger: ChargerConnection) -> None:
        """Ask nothing."""

    def on_closing(self, charger: ChargerConnection) -> None:
        """Hold nothing."""

    def on_disconnected(self, charger: ChargerConnection) -> None:
        """Forget it."""


async def _open(port: int, _: FastCounter, stack: AsyncExitStack) -> None:
    settings = GatewaySettings()
    context = ConnectionContext(settings)
    endpoint = charger_endpoint(Nobody(), settings.partitions, Rejections())
    server = await asyncio.get_running_loop().create_server(
        lambda: Handshake(context, endpoint), HOST, port, backlog=BACKLOG
    )
    stack.callback(server.close)
    for name, wheel in (("timers", context.wheel), ("pauses", context.pauses)):
        task = asyncio.create_task(wheel.run(), name=name)
        stack.callback(task.cancel)


if __name__ == "__main__":
    # It counts by itself: two counters of one name cannot be.
    main(_open, received=metrics.READINGS)
