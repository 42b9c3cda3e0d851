"""One worker, as its parent starts it: ``python -m services.gateway.worker_process FD FD``.

The two files that it inherits are a socket that listens for health requests, and the
*life line*: a pipe whose other end only the parent holds. The kernel closes that end when
the parent ends, however it ends. (PR_SET_PDEATHSIG would do that on Linux only.) A byte that
comes through it says that a gateway that leaves is to wait no longer.
"""

import asyncio
import os
import socket
import sys
from functools import partial

from services.gateway.app import serve_devices
from services.gateway.settings import GatewaySettings
from shared.process import logs
from shared.process.runtime import main

_log = logs.get(__name__)


async def serve(
    health: socket.socket, life_line: int, settings: GatewaySettings, stop: asyncio.Event
) -> None:
    """Serve devices until asked to stop, or until the parent is gone."""
    loop = asyncio.get_running_loop()
    # Not by a second signal: one to all processes of a group comes beside the parent's own.
    skip = asyncio.Event()

    def on_life_line() -> None:
        skip.set()
        if os.read(life_line, 1):
            return  # the parent was asked again
        loop.remove_reader(life_line)
        if not stop.is_set():
            # As if asked to stop: devices are closed over time, nothing is lost.
            _log.warning("the parent is gone, stopping")
            stop.set()

    loop.add_reader(life_line, on_life_line)
    await serve_devices(settings, stop, skip, health)


if __name__ == "__main__":
    _inherited = socket.socket(fileno=int(sys.argv[1]))
    main(GatewaySettings, partial(serve, _inherited, int(sys.argv[2])))
