"""https://picows.readthedocs.io, which leaves frames to its user."""

import asyncio

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.clients.python.device import Device, run_in_tasks


class Listener(WSListener):
    def __init__(self, device: Device) -> None:
        self._device = device

    def on_ws_connected(self, transport: WSTransport) -> None:  # noqa: ARG002 - the library's form
        # Not once `ws_connect` returns: the first message may come before.
        self._device.say("open")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._device.say("message", frame.get_payload_as_utf8_text())
        elif frame.msg_type == WSMsgType.CLOSE:
            code, reason = frame.get_close_code(), frame.get_close_message()
            self._device.say("closed", int(getattr(code, "value", code)), (reason or b"").decode())
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()


async def run(device: Device) -> None:
    for address, reading in device.connections():
        transport, _ = await ws_connect(lambda: Listener(device), address)
        if reading:
            transport.send(WSMsgType.TEXT, reading.encode())
        await transport.wait_disconnected()


asyncio.run(run_in_tasks(run))
