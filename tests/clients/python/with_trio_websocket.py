"""https://trio-websocket.readthedocs.io, for trio."""

import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.clients.python.device import Device, run_in_threads


async def run(device: Device) -> None:
    for address, reading in device.connections():
        async with open_websocket_url(address) as connection:
            device.say("open")
            if reading:
                await connection.send_message(reading)
            try:
                while True:
                    device.say("message", await connection.get_message())
            except ConnectionClosed as closed:
                device.say("closed", closed.reason.code, closed.reason.reason)


run_in_threads(lambda device: trio.run(run, device))
