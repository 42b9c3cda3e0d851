"""https://frankie567.github.io/httpx-ws, WebSocket for httpx."""

from httpx_ws import WebSocketDisconnect, connect_ws

from tests.clients.python.device import Device, run_in_threads


def run(device: Device) -> None:
    for address, reading in device.connections():
        with connect_ws(address) as connection:
            device.say("open")
            if reading:
                connection.send_text(reading)
            try:
                while True:
                    device.say("message", connection.receive_text())
            except WebSocketDisconnect as closed:
                device.say("closed", closed.code, closed.reason)


run_in_threads(run)
