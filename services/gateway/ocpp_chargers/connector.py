"""A connector of a charger that speaks OCPP: a charger to all other parts of the gateway."""

from typing import Final, Protocol

from services.gateway import metrics
from services.gateway.chargers.charger_connection import ChargerConnection, ChargerEvents
from services.gateway.chargers.marks import Marks
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp.turn import Reading
from shared.contract.connectors import connector_id
from shared.contract.device_protocol import CloseCode

_LIVE_SECONDS: Final = 2.0
"""A sample that seems so old is of now: chargers write whole seconds. Figures of how long a light
takes count from here; which pairing a sample belongs to does not."""


class OcppEvents(ChargerEvents, Protocol):
    """Takes what chargers report that may have connectors (`Chargers`)."""

    def on_connector(
        self, connector: ChargerConnection, epoch: int, pairing: KnownPairing, asked_at: float
    ) -> None:
        """A registered connector of a charger was found; its epoch is the charger's."""


class Charger(Protocol):
    """A connector's charger (`OcppConnection`)."""

    connection: DeviceConnection
    device_id: str
    partition: int
    events: ChargerEvents
    epoch: int | None

    @property
    def calls_sent(self) -> int:
        """How many calls the hub has sent on this connection."""

    def ask(self, number: int) -> None:
        """Ask for a connector's level."""

    def give_receipts(self) -> None:
        """Give the answers that are due: more is stored."""

    def on_unregistered(self, connector: "Connector") -> None:
        """Stop storing for a connector."""

    def close_superseded(self) -> None:
        """Close, because a newer connection of this charger counts."""

    def ask_whether_it_lives(self) -> None:
        """Ping, once superseded."""


class OcppReadings(ChargerConnection):
    """The readings of one connector, and their marks."""

    __slots__ = ("_calls_before_mark",)

    def __init__(
        self, connection: DeviceConnection, device_id: str, partition: int, events: ChargerEvents
    ) -> None:
        super().__init__(connection, device_id, partition, events)
        self._calls_before_mark = 0  # so many calls were sent when the pairing was learned

    @property
    def calls_sent(self) -> int:
        """How many calls the hub has sent on this connection."""
        raise NotImplementedError

    def learn(self, pairing: KnownPairing, asked_at: float, now: float) -> bool:
        """Take what Redis told of the pairing; return whether that is news."""
        is_news = super().learn(pairing, asked_at, now)
        if is_news:
            self._calls_before_mark = self.calls_sent
        return is_news

    def on_answered(self, call: int) -> None:
        """Put the mark in force if the pairing was known when this call was sent.

        Not all chargers echo pings. What comes after a result was sent after its call.
        """
        if call > self._calls_before_mark:
            self.marks.put_in_force()

    def take_reading(self, reading: Reading, mark: str | None) -> None:
        """Take a reading; it gets the mark if it was sampled in the pairing."""
        metrics.READINGS.value += 1
        self.sequence += 1
        self.state_of_charge = reading.level
        now = self.connection.context.clock()
        is_live = now - reading.sampled_at < _LIVE_SECONDS
        self.received_at = now if is_live else reading.sampled_at
        self._arrived_at = reading.sampled_at
        is_late = mark is not None and reading.sampled_at < self.marks.began_before
        self.mark = "" if is_late else mark
        self._judge()
        if is_late and self.marks.learned and not self.is_uncertain:
            # Another visitor's, perhaps; how full this one's phone is, the charger must say.
            self.is_uncertain = True
            self.events.on_uncertain(self)
        self.events.on_reading(self)


class Connector(OcppReadings):
    """A registered connector from number 2 on; its connection and epoch are its charger's.

    Attributes:
        number: Of the connector.
    """

    __slots__ = ("_charger", "number")

    def __init__(self, charger: Charger, number: int) -> None:
        device_id = connector_id(charger.device_id, number) or ""
        super().__init__(charger.connection, device_id, charger.partition, charger.events)
        self.marks = _ConnectorMarks(number)
        self.number = number
        self._charger = charger

    @property
    def calls_sent(self) -> int:
        """How many calls the hub has sent on this connection."""
        return self._charger.calls_sent

    def on_stored(self, sequence: int) -> None:
        """Note that the readings up to ``sequence`` are stored, and give their receipts."""
        super().on_stored(sequence)
        self._charger.give_receipts()

    def ask_again(self) -> None:
        """Ask the charger for this connector's level."""
        self._charger.ask(self.number)

    def close(self, code: CloseCode, reason: str) -> None:  # noqa: ARG002 - there is one reason
        """Be no connector any more: it is not registered. The connection stays open."""
        self._charger.on_unregistered(self)

    def close_superseded(self) -> None:
        """Close the connection, because a newer one counts."""
        self.superseded = True
        self._charger.close_superseded()

    def ask_whether_it_lives(self) -> None:
        """Have the charger asked."""
        self._charger.ask_whether_it_lives()


class _ConnectorMarks(Marks):
    """Marks whose pings differ from those of the other connectors."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    @property
    def _payload(self) -> bytes:
        return b"mark %d:%d" % (self._number, self._count)
