"""The gateway's connections on a port: ``python -m tests.benchmarks.tls.server``.

Its TLS is that of the gateway's settings.
"""

import asyncio
from contextlib import AsyncExitStack

from services.gateway import metrics
from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.handshake import Handshake
from services.gateway.entrance.entrance import Entrance
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings
from shared.contract.devices import Kind
from shared.process.listeners import ListenAddress, open_listeners
from shared.process.metrics.fast_counter import FastCounter
from shared.process.tls.server_tls import ServerTls
from tests.benchmarks.ingest.parsed import Nobody
from tests.benchmarks.ingest.serving import BACKLOG, HOST, main


async def _open(port: int, _: FastCounter, stack: AsyncExitStack) -> None:
    settings = GatewaySettings()
    context = ConnectionContext(settings)
    endpoint = charger_endpoint(Nobody(), settings.partitions, Rejections())
    files = settings.tls_files(Kind.CHARGER)
    if files is None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Handshake(context, endpoint), HOST, port, backlog=BACKLOG
        )
        stack.callback(server.close)
    else:
        (listener,) = await open_listeners(ListenAddress(HOST, port))
        listener.listen(BACKLOG)
        entrance = Entrance(context, endpoint, listener, ServerTls(files))
        entrance.open()
        stack.callback(entrance.close)
    for name, wheel in (("timers", context.wheel), ("pauses", context.pauses)):
        task = asyncio.create_task(wheel.run(), name=name)
        stack.callback(task.cancel)


if __name__ == "__main__":
    # It counts by itself: two counters of one name cannot be.
    main(_open, received=metrics.READINGS)
