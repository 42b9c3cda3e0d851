"""https://websockets.readthedocs.io, its client for threads."""

import contextlib

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.clients.python.device import Device, run_in_threads


def run(device: Device) -> None:
    for address, reading in device.connections():
        with connect(address) as connection:
            device.say("open")
            if reading:
                connection.send(reading)
            with contextlib.suppress(ConnectionClosed):
                for message in connection:
                    device.say("message", message)
        device.say("closed", connection.close_code, connection.close_reason)


run_in_threads(run)
