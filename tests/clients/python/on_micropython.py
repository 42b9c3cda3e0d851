"""MicroPython (its Unix port), with chumicro-websockets.

It does and prints what `device.py` describes, and is run as `micropython on_micropython.py …`.
"""

import json
import os
import sys
import time

from chumicro_sockets import ssl_context_with_ca
from chumicro_sockets.sockets_factory import connector_factory
from chumicro_timing.ticks import ticks_ms
from chumicro_websockets import WebSocketClient

with open(os.getenv("SSL_CERT_FILE", "")) as file:  # noqa: PTH123 - it has no pathlib
    # Others find by themselves whom to trust.
    TRUST = ssl_context_with_ca(file.read())


class Device:
    """A charger or a widget: it connects to the next address when a connection ends."""

    def __init__(self, name: str, addresses: list[str]) -> None:
        self._name = name
        self._left = list(addresses)
        self._level = 70
        self._connect()

    def tick(self) -> None:
        if self._connection is not None:
            self._connection.handle(ticks_ms())
        elif self._left:
            self._connect()

    def _connect(self) -> None:
        self._connection = WebSocketClient(connector_factory(ssl_context=TRUST))
        self._connection.on_open = self._opened
        self._connection.on_text = lambda text: self._say("message", text)
        self._connection.on_close = self._closed
        self._connection.connect(self._left.pop(0))

    def _opened(self) -> None:
        self._say("open")
        if self._name == "charger":
            reading = {"event": "StateOfCharge", "data": {"soc": self._level}}
            self._connection.send_text(json.dumps(reading))

    def _closed(self, code: int, reason: str) -> None:
        self._say("closed", code, reason)
        self._connection = None
        self._level = 100

    def _say(self, *words: object) -> None:
        print(self._name, *words)


devices = Device("charger", sys.argv[1::2]), Device("widget", sys.argv[2::2])
while True:
    for device in devices:
        device.tick()
    time.sleep(0.005)
