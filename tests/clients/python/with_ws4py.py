"""https://ws4py.readthedocs.io, its client for threads."""

from ws4py.client.threadedclient import WebSocketClient

from tests.clients.python.device import Device, run_in_threads


class Connection(WebSocketClient):
    def __init__(self, address: str, device: Device, reading: str) -> None:
        super().__init__(address)
        self._device = device
        self._reading = reading

    def opened(self) -> None:
        self._device.say("open")
        if self._reading:
            self.send(self._reading)

    def received_message(self, message: object) -> None:
        self._device.say("message", message)

    def closed(self, code: int, reason: bytes | str | None = None) -> None:
        text = reason.decode() if isinstance(reason, bytes) else reason
        self._device.say("closed", code, text)


def run(device: Device) -> None:
    for address, reading in device.connections():
        connection = Connection(address, device, reading)
        connection.connect()
        connection.run_forever()


run_in_threads(run)
