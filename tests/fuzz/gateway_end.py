"""The gateway's end of a fuzzed connection: its own code, with a transport that records."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final, NamedTuple
from unittest import mock

from services.gateway.auth.authenticator import PendingHandshake
from services.gateway.auth.credentials import Presented
from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.connection import handshake
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.handshake import Handshake
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import WidgetConnection, widget_endpoint
from tests.fuzz.reference import Device, Storing
from tests.fuzz.target import check
from tests.unit.gateway.fake_device import Clock, FakeDevice, call_at_once
from tests.unit.shared.no_delay import LongestDelay

PARTITIONS: Final = 64
MOST_HEAD: Final = 8192
MOST_EARLY: Final = 1024
"""What may come behind the head before it is judged: it is read with the head."""
_MOST_FRAME: Final = 1024 + 14
"""The largest frame that is not refused by its head, and that head."""
_DEADLINE_SECONDS: Final = 6.0
"""A little more than a handshake, or the device's half of a closing one, may take."""
_SETTINGS: Final = GatewaySettings.model_validate({})
"""Of all contexts: reading them takes longer than a connection."""


class FakeChargerEvents:
    """Takes readings, and answers as told."""

    def __init__(self, storing: Storing) -> None:
        self.storing = storing
        self.readings: list[float] = []
        self.told: list[str] = []

    def on_connected(self, charger: ChargerConnection) -> None:
        """Note it."""
        self.told.append(f"connected {charger.device_id}")

    def on_reading(self, charger: ChargerConnection) -> None:
        """Note the reading and do with it what is to be done."""
        self.readings.append(float(charger.state_of_charge))
        check(charger.sequence == len(self.readings), "a reading is not numbered right")
        match self.storing:
            case Storing.AT_ONCE:
                charger.on_stored(charger.sequence)
            case Storing.SUPERSEDES:
                charger.superseded = True
            case Storing.REFUSES:
                charger.close_superseded()

    def on_uncertain(self, charger: ChargerConnection) -> None:
        """Ask nothing."""

    def on_closing(self, charger: ChargerConnection) -> None:
        """Hold nothing."""

    def on_disconnected(self, charger: ChargerConnection) -> None:
        """Note it."""
        self.told.append(f"disconnected {charger.device_id}")


class FakeWidgetEvents:
    """Notes which widgets came and went."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def on_connected(self, widget: WidgetConnection) -> None:
        """Note it."""
        self.told.append(f"connected {widget.device_id}")

    def on_disconnected(self, widget: WidgetConnection) -> None:
        """Note it."""
        self.told.append(f"disconnected {widget.device_id}")


class FakeAuthenticator:
    """Keeps the handshake until the test says the result."""

    def __init__(self) -> None:
        self.pending: PendingHandshake | None = None

    def __call__(self, pending: PendingHandshake, device_id: str, presented: Presented) -> None:  # noqa: ARG002
        """Keep it."""
        check(self.pending is None, "a handshake was authenticated twice")
        self.pending = pending


class Parts(NamedTuple):
    """The gateway's classes; in a test of the fuzzer broken ones."""

    charger: type[ChargerConnection] = ChargerConnection
    connection: type[DeviceConnection] = DeviceConnection
    handshake: type[Handshake] = Handshake


class GatewayEnd:
    """One connection, from its first byte to its last."""

    def __init__(
        self,
        device: Device,
        storing: Storing = Storing.AT_ONCE,
        *,
        with_authenticator: bool = False,
        parts: Parts = Parts(),  # noqa: B008 - it never changes
    ) -> None:
        self.clock = Clock()
        self.context = ConnectionContext(
            _SETTINGS, self.clock, LongestDelay(), call_soon=call_at_once
        )
        self.authenticator = FakeAuthenticator() if with_authenticator else None
        self.events = FakeChargerEvents(storing)
        if device is Device.CHARGER:
            endpoint = replace(
                charger_endpoint(self.events, PARTITIONS, Rejections(), self.authenticator),
                handler=lambda connection, device_id: parts.charger(
                    connection, device_id, 0, self.events
                ),
            )
        else:
            events = FakeWidgetEvents(self.events.told)
            endpoint = widget_endpoint(events, Rejections(), self.authenticator)
        self.device = FakeDevice(self.context, endpoint, parts.handshake)
        self.transport = self.device.transport
        self._waiting: list[bytes] = []
        self._connection_class = parts.connection

    def deliver(self, chunks: Iterable[bytes]) -> None:
        """Let bytes arrive, as far as they are read; the rest waits in the kernel."""
        self._waiting += chunks
        while self._waiting and not self.transport.aborted:
            if self.transport.reading:
                self._read()
            elif self.authenticator and self.authenticator.pending and not self.written:
                return
            else:
                self._let_it_rest()

    def _read(self) -> None:
        """Let the gateway read as much of the next chunk as it wants to."""
        chunk = self._waiting.pop(0)
        size = min(len(self.device.protocol.get_buffer(-1)), len(chunk))
        if chunk[size:]:
            self._waiting.insert(0, chunk[size:])
        if size:
            with self._with_connection_class():
                self.device.deliver(chunk[:size])
            self.check_memory()

    def _with_connection_class(self) -> AbstractContextManager[object]:
        return mock.patch.object(handshake, "DeviceConnection", self._connection_class)

    def _let_it_rest(self) -> None:
        """Let the moment pass for which a fast device is not read from."""
        since = self.clock.now
        while not self.transport.reading:
            check(self.clock.now - since < _DEADLINE_SECONDS, "the device is never read again")
            self.clock.now += 0.1
            self.context.pauses.advance()

    def judge(self, *, admitted: bool) -> None:
        """Judge the handshake, if it waits for it, and let arrive what waited."""
        if self.authenticator is not None and self.authenticator.pending is not None:
            with self._with_connection_class():
                self.authenticator.pending.on_auth_result(admitted=admitted)
            self.check_memory()
        self.deliver(())

    def check_memory(self) -> None:
        """Complain if the device makes the gateway keep more than it may."""
        held: Any = self.device.protocol
        check(len(held.websocket.reader.buffer) <= _MOST_FRAME, "too much of a frame is kept")
        if isinstance(held, Handshake):
            check(len(held._head) <= MOST_HEAD, "too much of a head is kept")
            check(len(held._early) <= MOST_EARLY, "too much that came early is kept")
        elif held._fragments:
            check(len(held._fragments) <= 16, "too many fragments are kept")
            check(sum(map(len, held._fragments)) <= 1024, "too much of a message is kept")

    def let_deadlines_pass(self) -> None:
        """Let so much time go by that no handshake can be under way."""
        self.clock.now += _DEADLINE_SECONDS
        self.context.wheel.advance()

    @property
    def written(self) -> bytes:
        """What the gateway wrote."""
        return bytes(self.transport.written)

    @property
    def is_ended(self) -> bool:
        """Whether the gateway has ended its side of the stream."""
        return self.transport.ended or bool(self.transport.aborted)

    @property
    def is_over(self) -> bool:
        """Whether the gateway has ended the stream, or waits for the device to do so."""
        protocol = self.device.protocol
        return self.is_ended or not (isinstance(protocol, DeviceConnection) and protocol.is_open)

    def leave(self, *, politely: bool) -> None:
        """Let the device's stream end; nothing of it is left then."""
        if politely and not self.transport.aborted:
            self.device.protocol.eof_received()
        self.device.protocol.connection_lost(None if politely else ConnectionResetError())
        check(not self.context.connections, "a connection that ended is still counted")
        check(not self.context.waiting, "a connection that ended is still waited for")
