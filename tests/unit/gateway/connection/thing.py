"""A device at an endpoint that only notes what it is told."""

from services.gateway.auth.authenticator import Authenticate
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import BadFrameError, Dialect, json_error_event
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from shared.contract.device_protocol import ErrorCode
from tests.unit.gateway.fake_device import Clock, FakeDevice, head_of

HEAD = head_of("/things/t1")


def decode(message: bytes) -> float:
    """A message ``bad…`` is a bad one."""
    if message.startswith(b"bad"):
        raise BadFrameError(ErrorCode.NOT_JSON, 'say "good"\\')
    message.decode()
    return 0.0


class PlainHandler(DeviceHandler):
    """Notes what it is told."""

    def __init__(
        self, connection: DeviceConnection, device_id: str, told: list[str], messages: list[bytes]
    ) -> None:
        super().__init__(connection, device_id)
        self.told = told
        self.messages = messages

    def on_open(self) -> None:
        self.told.append(f"opened {self.device_id}")

    def on_message(self, message: bytes) -> None:
        self.connection.dialect.decode(message)
        self.messages.append(message)

    def on_pong(self, payload: bytes) -> None:
        self.told.append(f"pong {payload.decode()}")

    def on_writable(self) -> None:
        self.told.append("writable")

    def on_lost(self) -> None:
        self.told.append("lost")


class Thing(FakeDevice):
    """A device at a plain endpoint."""

    def __init__(
        self, context: ConnectionContext, authenticate: Authenticate | None = None
    ) -> None:
        self.context = context
        self.told: list[str] = []
        self.messages: list[bytes] = []
        endpoint = Endpoint(
            Dialect(("/things/",), decode, json_error_event),
            lambda connection, device_id: PlainHandler(
                connection, device_id, self.told, self.messages
            ),
            lambda *_: None,
            authenticate,
        )
        super().__init__(context, endpoint)

    @property
    def open_connection(self) -> DeviceConnection:
        """The gateway's end, whose handshake was accepted."""
        assert isinstance(self.protocol, DeviceConnection)
        return self.protocol


def let_time_pass(thing: Thing, clock: Clock, seconds: float) -> None:
    """Let time go by as the wheel sees it."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 0.5
        thing.context.wheel.advance()
