"""https://websocket-client.readthedocs.io."""

from websocket import WebSocketApp, WebSocketConnectionClosedException

from tests.clients.python.device import Device, run_in_threads


def run(device: Device) -> None:
    for address, reading in device.connections():

        def on_open(connection: WebSocketApp, reading: str = reading) -> None:
            device.say("open")
            if reading:
                connection.send(reading)

        def on_error(_: WebSocketApp, error: Exception) -> None:
            # It calls this for each close, too, before on_close.
            if not isinstance(error, WebSocketConnectionClosedException):
                device.say("failed", repr(error))

        WebSocketApp(
            address,
            on_open=on_open,
            on_message=lambda _, message: device.say("message", message),
            on_error=on_error,
            on_close=lambda _, code, reason: device.say("closed", code, reason),
        ).run_forever()


run_in_threads(run)
