"""The gateway's end of a fuzzed connection: its own code, with a transport that records."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import SecretStr

from services.gateway.auth.authenticator import Authenticator, PendingHandshake
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import WidgetConnection
from tests.fuzz.reference import Device, Storing
from tests.fuzz.target import check
from tests.unit.gateway.fake_device import Clock, LongestDelay, RecordingTransport

if TYPE_CHECKING:
    from services.gateway.connection.device_connection import Connection

PARTITIONS: Final = 64
MOST_HEAD: Final = 8192
MOST_EARLY: Final = 1024
"""What may come behind the head before it is judged: it is read with the head."""
_MOST_FRAME: Final = 1024 + 14
"""The largest frame that is not refused by its head, and that head."""
_DEADLINE_SECONDS: Final = 6.0
"""A little more than a handshake, or the device's half of a closing one, may take."""
_SETTINGS: Final = GatewaySettings.model_validate({})
"""Of all gates: reading them takes longer than a connection."""


class FakeIntake:
    """Takes readings, and answers as told.

    Args:
        storing: What becomes of them.
    """

    def __init__(self, storing: Storing) -> None:
        self.storing = storing
        self.readings: list[float] = []
        self.told: list[str] = []

    def connected(self, charger: ChargerConnection) -> None:
        """Note it."""
        self.told.append(f"connected {charger.device_id}")

    def reported(self, charger: ChargerConnection) -> None:
        """Note the reading and do with it what is to be done."""
        self.readings.append(float(charger.state_of_charge))
        check(charger.sequence == len(self.readings), "a reading is not numbered right")
        match self.storing:
            case Storing.AT_ONCE:
                charger.stored(charger.sequence)
            case Storing.SUPERSEDES:
                charger.superseded = True
            case Storing.REFUSES:
                charger.refuse()

    def closing(self, charger: ChargerConnection) -> None:
        """Hold nothing."""

    def disconnected(self, charger: ChargerConnection) -> None:
        """Note it."""
        self.told.append(f"disconnected {charger.device_id}")


class FakeAudience:
    """Notes which widgets came and went.

    Args:
        told: Where it is noted.
    """

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def joined(self, widget: WidgetConnection) -> None:
        """Note it."""
        self.told.append(f"connected {widget.device_id}")

    def left(self, widget: WidgetConnection) -> None:
        """Note it."""
        self.told.append(f"disconnected {widget.device_id}")


class FakeDoorkeeper:
    """Keeps the applicant until the test judges it."""

    def __init__(self) -> None:
        self.applicant: PendingHandshake | None = None

    def authenticate_charger(
        self,
        applicant: PendingHandshake,
        device_id: str,  # noqa: ARG002
        secret: SecretStr,  # noqa: ARG002
    ) -> None:
        """Keep it."""
        check(self.applicant is None, "a handshake was judged twice")
        self.applicant = applicant

    authenticate_widget = authenticate_charger


class GatewayEnd:
    """One connection, from its first byte to its last.

    Args:
        device: What connects.
        storing: What becomes of a charger's readings.
        with_doorkeeper: Whether credentials are judged.
        charger: The class of chargers' connections; in a test of the fuzzer a broken one.
        widget: As above.
    """

    def __init__(
        self,
        device: Device,
        storing: Storing = Storing.AT_ONCE,
        *,
        with_doorkeeper: bool = False,
        charger: type[ChargerConnection] = ChargerConnection,
        widget: type[WidgetConnection] = WidgetConnection,
    ) -> None:
        self.clock = Clock()
        self.gate = ConnectionContext(
            _SETTINGS, TimerWheel(self.clock), self.clock, rng=LongestDelay()
        )
        self.doorkeeper = FakeDoorkeeper() if with_doorkeeper else None
        self.gate.doorkeeper = cast("Authenticator | None", self.doorkeeper)
        self.intake = FakeIntake(storing)
        self.connection: Connection
        if device is Device.CHARGER:
            self.connection = charger(self.gate, self.intake, PARTITIONS)
        else:
            self.connection = widget(self.gate, FakeAudience(self.intake.told))
        self.transport = RecordingTransport()
        self._waiting: list[bytes] = []
        self.connection.connection_made(self.transport)

    def deliver(self, chunks: Iterable[bytes]) -> None:
        """Let bytes arrive, as far as they are read; the rest waits in the kernel."""
        self._waiting += chunks
        while self._waiting and not self.transport.aborted:
            if self.transport.reading:
                self._read()
            elif self.doorkeeper and self.doorkeeper.applicant and not self.written:
                return
            else:
                self._let_it_rest()

    def _read(self) -> None:
        """Let the gateway read as much of the next chunk as it wants to."""
        chunk = self._waiting.pop(0)
        buffer = self.connection.get_buffer(-1)
        size = min(len(buffer), len(chunk))
        buffer[:size] = chunk[:size]
        if chunk[size:]:
            self._waiting.insert(0, chunk[size:])
        if size:
            self.connection.buffer_updated(size)
            self.check_memory()

    def _let_it_rest(self) -> None:
        """Let the moment pass for which a fast device is not read from."""
        since = self.clock.now
        while not self.transport.reading:
            check(self.clock.now - since < _DEADLINE_SECONDS, "the device is never read again")
            self.clock.now += 0.1
            self.gate.resting.advance()

    def judge(self, *, admitted: bool) -> None:
        """Judge the handshake, if it waits for it, and let arrive what waited."""
        if self.doorkeeper is not None and self.doorkeeper.applicant is not None:
            self.doorkeeper.applicant.on_auth_result(admitted=admitted)
            self.check_memory()
        self.deliver(())

    def check_memory(self) -> None:
        """Complain if the device makes the gateway keep more than it may."""
        held: Any = self.connection
        check(len(held._head or b"") <= MOST_HEAD, "too much of a head is kept")
        check(len(held._early) <= MOST_EARLY, "too much that came early is kept")
        check(len(held.websocket.reader.buffer) <= _MOST_FRAME, "too much of a frame is kept")
        if held._fragments:
            check(len(held._fragments) <= 16, "too many fragments are kept")
            check(sum(map(len, held._fragments)) <= 1024, "too much of a message is kept")

    def let_deadlines_pass(self) -> None:
        """Let so much time go by that no handshake can be under way."""
        self.clock.now += _DEADLINE_SECONDS
        self.gate.wheel.advance()

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
        return self.is_ended or not self.connection.is_open

    def leave(self, *, politely: bool) -> None:
        """Let the device's stream end; nothing of it is left then."""
        if politely and not self.transport.aborted:
            self.connection.eof_received()
        self.connection.connection_lost(None if politely else ConnectionResetError())
        check(not self.gate.connections, "a connection that ended is still counted")
        check(not self.gate.waiting, "a connection that ended is still waited for")
