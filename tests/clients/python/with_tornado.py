"""https://www.tornadoweb.org, its client."""

import asyncio

from tornado.websocket import websocket_connect

from tests.clients.python.device import Device, run_in_tasks


async def run(device: Device) -> None:
    for address, reading in device.connections():
        connection = await websocket_connect(address)
        device.say("open")
        if reading:
            await connection.write_message(reading)
        while (message := await connection.read_message()) is not None:
            device.say("message", message)
        device.say("closed", connection.close_code, connection.close_reason)


asyncio.run(run_in_tasks(run))
