"""https://docs.aiohttp.org, its client."""

import asyncio

from aiohttp import ClientSession, WSMsgType

from tests.clients.python.device import Device, run_in_tasks


async def run(device: Device) -> None:
    async with ClientSession() as session:
        for address, reading in device.connections():
            async with session.ws_connect(address) as connection:
                device.say("open")
                if reading:
                    await connection.send_str(reading)
                # `async for` would hide the message that has the reason.
                while (message := await connection.receive()).type is WSMsgType.TEXT:
                    device.say("message", message.data)
            device.say("closed", connection.close_code, message.extra)


asyncio.run(run_in_tasks(run))
