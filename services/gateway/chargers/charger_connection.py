"""A charger's connection: its epoch, its last reading, its receipts."""

from typing import Final, Protocol

from services.gateway import metrics
from services.gateway.chargers.readings import state_of_charge_of
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import Connection
from shared.contract.device_protocol import CHARGER_PATHS, CloseCode
from shared.contract.names import partition_of
from shared.contract.presence import RejectionCode

_PROOF: Final = b"alive?"
_SUPERSEDED: Final = "a newer connection of this charger exists"


class ChargerEvents(Protocol):
    """Who takes what chargers report (`services.gateway.chargers.chargers.Chargers`)."""

    def connected(self, charger: "ChargerConnection") -> None:
        """A charger connected and needs its epoch."""

    def reported(self, charger: "ChargerConnection") -> None:
        """A charger has a reading that is not stored yet."""

    def closing(self, charger: "ChargerConnection") -> None:
        """A charger's connection is about to end; nothing it says counts any more."""

    def disconnected(self, charger: "ChargerConnection") -> None:
        """A charger's connection ended."""


class ChargerConnection(Connection):
    """What one connection of a charger said, and how much of it is stored.

    Attributes:
        partition: The charger's partition.
        epoch: Its connection epoch (µs), or None before it has one.
        sequence: Number of valid readings this connection sent.
        state_of_charge: The last one, in percent.
        received_at: When it came, in seconds of the monotonic clock.
        stored_sequence: The last reading that Redis is known to have.
        superseded: A newer connection of this charger exists.
        alive_at: When the device was last known to be there, for the epoch's sake.
    """

    __slots__ = (
        "_awaits_proof",
        "_first_ping",
        "_intake",
        "_last_ping",
        "_partitions",
        "alive_at",
        "epoch",
        "partition",
        "received_at",
        "sequence",
        "state_of_charge",
        "stored_sequence",
        "superseded",
    )

    def __init__(self, gate: ConnectionContext, intake: ChargerEvents, partitions: int) -> None:
        doorkeeper = gate.doorkeeper
        super().__init__(
            gate, CHARGER_PATHS, doorkeeper.authenticate_charger if doorkeeper else None
        )
        self._intake = intake
        self._partitions = partitions
        self.partition = -1  # until the id is known
        self.epoch: int | None = None
        self.sequence = 0
        self.state_of_charge = 0.0
        self.received_at = 0.0
        self.stored_sequence = 0
        self.superseded = False
        self.alive_at = 0.0
        self._awaits_proof = False
        # Pings waiting for their pong, with the sequence that must be stored first.
        # RFC 6455 (5.5.3) lets a pong stand for all pings before it, so two are
        # enough: the oldest, that a stream of them does not put the pong off for
        # ever, and the newest.
        self._first_ping: tuple[int, bytes] | None = None
        self._last_ping: tuple[int, bytes] | None = None

    def opened(self) -> None:
        """Ask for an epoch."""
        metrics.CHARGERS.inc()
        self.partition = partition_of(self.device_id, self._partitions)
        self.alive_at = self.opened_at - self.heard_ago()
        self._intake.connected(self)

    def closing(self) -> None:
        """Be held no more."""
        if self._is_opened:
            self._intake.closing(self)

    def lost(self) -> None:
        """Leave. What is stored stays: the end of an old connection harms no newer one."""
        metrics.CHARGERS.dec()
        self._intake.disconnected(self)

    def may_speak(self) -> bool:
        """Refuse the next frame of a connection that a newer one superseded."""
        if self.superseded:
            self.refuse()
        return not self.superseded

    def message_received(self, message: bytes) -> None:
        """Take a reading; of several that come quickly only the last one is stored."""
        level = state_of_charge_of(message)
        metrics.READINGS.value += 1
        self.sequence += 1
        self.state_of_charge = level
        self.received_at = self._heard_at
        self._intake.reported(self)

    def ping_received(self, payload: bytes) -> None:
        """Answer once every reading before the ping is stored: a pong is a receipt."""
        if self.sequence == self.stored_sequence:
            self.pong(payload)
        elif self._first_ping is None:
            self._first_ping = (self.sequence, payload)
        else:
            self._last_ping = (self.sequence, payload)

    def stored(self, sequence: int) -> None:
        """Note that the readings up to ``sequence`` are stored, and give their receipts."""
        self.stored_sequence = max(self.stored_sequence, sequence)
        while self._first_ping is not None and self._first_ping[0] <= self.stored_sequence:
            self.pong(self._first_ping[1])
            self._first_ping, self._last_ping = self._last_ping, None

    @property
    def is_stored(self) -> bool:
        """Whether nothing this connection said waits to be stored."""
        return self.sequence == self.stored_sequence

    def refuse(self) -> None:
        """Close, because a newer connection of this charger counts."""
        self.superseded = True
        if self.is_open:
            self.rejected(RejectionCode.SUPERSEDED, _SUPERSEDED)
            self.close(CloseCode.SUPERSEDED, _SUPERSEDED)

    def rejected(self, code: RejectionCode, message: str) -> None:
        """Note it for whoever asks about this charger."""
        self._gate.rejections.of_charger(self.device_id, code, message)

    def prove_alive(self) -> None:
        """Ping, to draw an epoch on the pong: a dead socket must not supersede a live one."""
        if not self._awaits_proof:
            self._awaits_proof = True
            self.ping(_PROOF)

    def ping_payload(self) -> bytes:
        """Return what pings carry: a device may answer only the newest one."""
        return _PROOF if self._awaits_proof else b""

    def pong_received(self, payload: bytes) -> None:
        """Take a pong as the proof that was waited for."""
        if self._awaits_proof and payload == _PROOF:
            self._awaits_proof = False
            self.alive_at = self._gate.clock() - self.heard_ago()
            self._intake.connected(self)
