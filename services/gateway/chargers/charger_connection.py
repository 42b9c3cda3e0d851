"""A charger's connection: its epoch, its last reading, its mark, its receipts."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from services.gateway import metrics
from services.gateway.auth.authenticator import Authenticate
from services.gateway.chargers.marks import Marks
from services.gateway.chargers.reading_traces import ReadingTrace
from services.gateway.chargers.readings import state_of_charge_of
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import Dialect, json_error_event
from services.gateway.connection.endpoint import DeviceHandler, Endpoint
from services.gateway.known_pairing import KnownPairing
from services.gateway.limits.per_id import LimitsPerId
from services.gateway.presence.rejections import Rejections
from shared.contract.device_protocol import CHARGER_PATHS, SAY_AGAIN, CloseCode
from shared.contract.devices import Kind
from shared.contract.names import partition_of
from shared.contract.presence import RefusalReason

JSON_CHARGERS: Final = Dialect(CHARGER_PATHS, state_of_charge_of, json_error_event)

_CERTAIN_SECONDS: Final = 10.0
"""A reading without a mark belongs to a pairing that is older than it by more than this."""
_LIFE_PING: Final = b"superseded"
"""What the ping carries that tells whether a superseded connection's device lives."""
_SLACK_SECONDS: Final = 0.2
"""A reading may be of a pairing that seems to be younger than it by so much."""


class ChargerEvents(Protocol):
    """Takes what chargers report (`services.gateway.chargers.chargers.Chargers`)."""

    def on_connected(self, charger: "ChargerConnection") -> None:
        """A charger connected and needs its epoch."""

    def on_reading(self, charger: "ChargerConnection") -> None:
        """A charger has a reading that is not stored yet."""

    def on_uncertain(self, charger: "ChargerConnection") -> None:
        """It is not certain whether a charger's last reading is from before its pairing."""

    def on_closing(self, charger: "ChargerConnection") -> None:
        """A charger's connection is about to end; nothing it says counts any more."""

    def on_disconnected(self, charger: "ChargerConnection") -> None:
        """A charger's connection ended."""


def charger_endpoint(
    events: ChargerEvents,
    partitions: int,
    rejections: Rejections,
    authenticate: Authenticate | None = None,
    limits: LimitsPerId[DeviceConnection] | None = None,
) -> Endpoint:
    """Return the endpoint of chargers."""
    return Endpoint(
        JSON_CHARGERS,
        lambda connection, device_id: ChargerConnection(
            connection, device_id, partition_of(device_id, partitions), events
        ),
        rejections.of_charger,
        authenticate,
        partial(rejections.refused.note, Kind.CHARGER),
        limits or LimitsPerId(),
    )


@dataclass(slots=True, eq=False, repr=False)
class ChargerConnection(DeviceHandler):
    """What one connection of a charger said, and how much of it is stored."""

    connection: DeviceConnection
    device_id: str
    partition: int
    events: ChargerEvents
    superseded: bool = False
    """A newer connection of this charger exists."""
    opened_at: float = field(init=False)
    """When the handshake was answered, in seconds of the monotonic clock."""
    alive_at: float = field(init=False)
    """When the device last gave a sign of life; only one that did so lately gets an epoch."""
    epoch: int | None = None
    """Its connection epoch (µs), or None before it has one."""
    sequence: int = 0
    """Number of valid readings this connection sent."""
    state_of_charge: float = 0.0
    """The last one, in percent."""
    received_at: float = 0.0
    """When it came, in seconds of the monotonic clock."""
    mark: str | None = None
    """The mark that it got; None while that cannot be told."""
    is_uncertain: bool = False
    """Whether it lights nothing, but may have been sent in the present pairing."""
    stored_sequence: int = 0
    """The last reading that Redis is known to have."""
    marks: Marks = field(default_factory=Marks)
    trace: ReadingTrace | None = None
    """Of a reading that is traced, until it is stored."""
    _arrived_at: float = 0.0  # the last reading, at the earliest
    _begun: tuple[str | None, float] | None = None  # both, of a message in fragments
    _is_settled: bool = False  # the next reading gets the same mark as the last one
    _awaits_proof: bool = False
    _is_asked: bool = False  # whether it lives
    # Pings waiting for their pong, with the sequence that must be stored first. RFC 6455
    # (5.5.3) lets a pong stand for all pings before it, so two are enough: the newest, and
    # the oldest, so that a stream of pings does not delay the first pong for ever.
    _first_ping: tuple[int, bytes] | None = None
    _last_ping: tuple[int, bytes] | None = None

    def __post_init__(self) -> None:
        self.opened_at = self.connection.heard_at
        self.alive_at = self.connection.alive_at

    def on_pairing_read(self, pairing: KnownPairing) -> None:
        """Mark all readings: the device sends them after it received its 101."""
        self.marks.begin(pairing)

    def on_open(self) -> None:
        """Ask for an epoch."""
        metrics.CHARGERS.inc()
        metrics.CHARGER_HANDSHAKES.inc()
        self.events.on_connected(self)

    def on_closing(self) -> None:
        """Report that the connection is closing."""
        self.events.on_closing(self)

    def on_lost(self) -> None:
        """Report the end. What is stored stays: the end of an old connection harms no newer one."""
        metrics.CHARGERS.dec()
        self.events.on_disconnected(self)

    def on_message_begun(self) -> None:
        """Keep the mark: a pong may come before the message is complete."""
        self._is_settled = False
        self._begun = (self.marks.in_force, self.connection.reader.arrived_at)

    def on_message(self, message: bytes) -> None:
        """Take a reading; of several that come quickly only the last one is stored."""
        begun = None
        if not self._is_settled:
            begun, self._begun = self._begun, None
        connection = self.connection
        self.state_of_charge = connection.dialect.decode(message)
        metrics.READINGS.value += 1
        self.sequence += 1
        self.received_at = connection.heard_at
        if not self._is_settled:
            self._mark_reading(begun)
        self.events.on_reading(self)

    def _mark_reading(self, begun: tuple[str | None, float] | None) -> None:
        """Give the last reading its mark. Nearly all get the same one as the reading before."""
        marks = self.marks
        self.mark, self._arrived_at = begun or (
            marks.in_force,
            self.connection.reader.arrived_at,
        )
        if self.is_uncertain or self.mark != marks.learned:
            self._judge()
        # Until something else is learned.
        self._is_settled = (
            not self.is_uncertain and self.mark == marks.in_force == marks.learned is not None
        )

    def on_ping(self, payload: bytes) -> None:
        """Answer once every reading before the ping is stored: a pong is a receipt."""
        if self.sequence == self.stored_sequence:
            self.connection.pong(payload)
        elif self._first_ping is None:
            self._first_ping = (self.sequence, payload)
        else:
            self._last_ping = (self.sequence, payload)

    def on_stored(self, sequence: int) -> None:
        """Note that the readings up to ``sequence`` are stored, and give their receipts."""
        self.stored_sequence = max(self.stored_sequence, sequence)
        while self._first_ping is not None and self._first_ping[0] <= self.stored_sequence:
            self.connection.pong(self._first_ping[1])
            self._first_ping, self._last_ping = self._last_ping, None

    @property
    def is_stored(self) -> bool:
        """Whether nothing this connection said waits to be stored."""
        return self.sequence == self.stored_sequence

    def close_superseded(self) -> None:
        """Close, because a newer connection of this charger counts."""
        self.superseded = True
        self.connection.close_superseded()

    def learn(self, pairing: KnownPairing, asked_at: float, now: float) -> bool:
        """Take what Redis told of the pairing; return whether that is news."""
        if not self.marks.learn(pairing, asked_at, now):
            return False
        self._is_settled = False
        if pairing.mark:
            self.connection.ping(self.marks.next_ping())
        if self.sequence:
            self._judge()
        return True

    def _judge(self) -> None:
        """Tell whether the last reading was sent in the present pairing, if that can be told."""
        marks = self.marks
        if marks.learned is None:
            return
        may_belong = self.received_at >= marks.began_after - _SLACK_SECONDS
        if self.mark is None:
            may_belong = True
            is_certain = self._arrived_at - marks.began_before > _CERTAIN_SECONDS
            self.mark = marks.learned if is_certain else ""
        was_uncertain = self.is_uncertain
        self.is_uncertain = may_belong and self.mark != marks.learned != ""
        if self.is_uncertain and not was_uncertain and self.is_open:
            self.events.on_uncertain(self)

    def on_admitted(self) -> None:
        """Go on: the charger has its epoch."""

    def ask_again(self) -> None:
        """Have the charger say its level again: it does so whenever it connects."""
        self.close(CloseCode.GOING_AWAY, SAY_AGAIN)

    def close_surplus(self) -> None:
        """Close: there are newer connections of this charger, as many as it may have."""
        # Not superseded: what it said is still stored, unless one of them draws an epoch first.
        self.connection.close_superseded()

    def prove_alive(self) -> None:
        """Ping, to draw an epoch on the pong: a dead socket must not supersede a live one."""
        if not self._awaits_proof:
            self._awaits_proof = True
            self.connection.ping(self.marks.next_ping())

    def ask_whether_it_lives(self) -> None:
        """Ping, once superseded: its pong tells that two devices have this id."""
        if not self._is_asked:
            self._is_asked = True
            self.connection.ping(_LIFE_PING)

    def ping_payload(self) -> bytes:
        """Return what the pings that keep a connection alive carry."""
        return self.marks.payload()

    def on_pong(self, payload: bytes) -> None:
        """Take a pong as the answer that was waited for."""
        if payload == _LIFE_PING and self._is_asked:
            self._is_asked = False
            self.connection.note_refusal(RefusalReason.SHARED_ID)
        elif payload and self.marks.on_pong(payload) and self._awaits_proof:
            self._awaits_proof = False
            self.alive_at = self.connection.alive_at
            self.events.on_connected(self)
