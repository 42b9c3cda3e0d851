"""https://websockets.readthedocs.io, its asyncio client."""

import asyncio
import contextlib

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.clients.python.device import Device, run_in_tasks


async def run(device: Device) -> None:
    for address, reading in device.connections():
        async with connect(address) as connection:
            device.say("open")
            if reading:
                await connection.send(reading)
            with contextlib.suppress(ConnectionClosed):
                async for message in connection:
                    device.say("message", message)
        device.say("closed", connection.close_code, connection.close_reason)


asyncio.run(run_in_tasks(run))
