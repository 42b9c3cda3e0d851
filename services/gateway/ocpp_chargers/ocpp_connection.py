"""The connection of a charger that speaks OCPP: it does what the conversation says.

A charger to all other parts of the gateway: its epoch, its last reading and its mark are those
of a `ChargerConnection`. `services.gateway.ocpp` says what is added to that, and in which order.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from services.gateway import metrics
from services.gateway.chargers.charger_connection import ChargerConnection, ChargerEvents
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import BadFrameError
from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Now, Reading, Turn
from services.gateway.ocpp_chargers.records import Records
from shared.contract.device_protocol import ErrorCode

_HEARTBEAT_SECONDS: Final = 300
_MOST_RECEIPTS: Final = 64
"""If more wait for Redis, the oldest is dropped: its charger has given it up, and repeats it."""


class _Receipt(NamedTuple):
    """An answer that is due once readings and transactions are stored."""

    sequence: int
    """Of the newest reading that must be stored first."""
    changes: int
    """Of the transactions, as many as must be stored first."""
    frame: bytes


class OcppConnection(ChargerConnection):
    """What one connection of a charger said in OCPP, and how much of it is stored.

    Attributes:
        transactions: Those to store, as JSON; empty while none are known.
        changes: How often they changed.
        conversation: What the rules need to know of it.
        due: When the conversation has something to do, as the timer wheel counts.
    """

    __slots__ = (
        "_calls_before_mark",
        "_receipts",
        "_records",
        "_remembered",
        "_wall_clock",
        "changes",
        "conversation",
        "due",
        "transactions",
    )

    def __init__(
        self,
        connection: DeviceConnection,
        device_id: str,
        partition: int,
        events: ChargerEvents,
        *,
        records: Records,
        version: Version,
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__(connection, device_id, partition, events)
        self.conversation = Conversation(version, _HEARTBEAT_SECONDS)
        self.due = -1
        self.transactions = b""
        self.changes = 0
        self._remembered = 0  # of the changes
        self._records = records
        self._wall_clock = wall_clock
        self._receipts: deque[_Receipt] = deque(maxlen=_MOST_RECEIPTS)
        self._calls_before_mark = 0  # so many calls were sent when the pairing was learned

    def on_pairing_read(self, pairing: KnownPairing) -> None:
        """Mark all readings but those that were sampled before the pairing."""
        super().on_pairing_read(pairing)
        self.marks.began_before = self._now().clock - pairing.age

    def on_admitted(self) -> None:
        """Ask for what is stored of the charger."""
        self._records.recall(self)

    def on_recalled(self, transactions: bytes, sampled_at: float | None) -> None:
        """Answer the messages that needed the charger's epoch, or what is stored."""
        times = {} if sampled_at is None else {1: sampled_at}
        turn = self.conversation.on_admitted(transactions or None, times, self._now())
        self.transactions = self.transactions or transactions
        self._do(turn, self.marks.in_force)

    def on_remembered(self, changes: int) -> None:
        """Note that the transactions are stored as they were after so many changes."""
        self._remembered = max(self._remembered, changes)
        self._give_receipts()

    def on_message(self, message: bytes) -> None:
        """Take a message.

        Raises:
            BadFrameError: It is a bad one; its answer, if it has one, is given.
            UnicodeDecodeError: It is not UTF-8.
        """
        begun, self._begun = self._begun, None
        turn = self.conversation.take(message, self._now())
        self._do(turn, self.marks.in_force if begun is None else begun[0])
        if turn.bad:
            raise BadFrameError(ErrorCode.NOT_JSON, turn.bad)

    def on_timer(self, now: float) -> None:
        """Do what the conversation has to do by now."""
        self._do(self.conversation.on_timer(self._now()._replace(clock=now)))

    def on_stored(self, sequence: int) -> None:
        """Note that the readings up to ``sequence`` are stored, and give their receipts."""
        super().on_stored(sequence)
        self._give_receipts()

    def on_closing(self) -> None:
        """Have no more to say."""
        self.connection.context.wheel.cancel(self)
        super().on_closing()

    def on_lost(self) -> None:
        """Report the end."""
        self.connection.context.wheel.cancel(self)
        self._records.forget(self)
        super().on_lost()

    def learn(self, pairing: KnownPairing, asked_at: float, now: float) -> bool:
        """Take what Redis told of the pairing; return whether that is news."""
        is_news = super().learn(pairing, asked_at, now)
        if is_news:
            self._calls_before_mark = self.conversation.calls.newest
        return is_news

    def ask_again(self) -> None:
        """Ask the charger for its level."""
        self._do(self.conversation.ask_again(1, self._now()))

    def take_native(self, message: bytes) -> None:
        """Take a reading of our own dialect."""
        super().on_message(message)

    def close_to_ask(self) -> None:
        """Have a charger of our own dialect say its level again."""
        super().ask_again()

    def _now(self) -> Now:
        return Now(self.connection.context.clock(), self._wall_clock())

    def _do(self, turn: Turn, mark: str | None = None) -> None:
        """Do what a turn says; its readings get a mark if there is nothing against it."""
        if turn.answered > self._calls_before_mark:
            # Not all chargers echo pings. What comes after a result was sent after its call.
            self.marks.put_in_force()
        for frame in (*turn.replies, *turn.calls):
            self.connection.send_text(frame)
        for reading in turn.readings:
            if reading.connector == 1:
                self._take_reading(reading, mark)
        if turn.transactions is not None:
            self.transactions = turn.transactions
            self.changes += 1
            self._records.remember(self)
        self._receipts += (_Receipt(self.sequence, self.changes, each) for each in turn.receipts)
        self._give_receipts()
        self._schedule()

    def _take_reading(self, reading: Reading, mark: str | None) -> None:
        metrics.READINGS.value += 1
        self.sequence += 1
        self.state_of_charge = reading.level
        self.received_at = self._arrived_at = reading.sampled_at
        is_late = mark is not None and reading.sampled_at < self.marks.began_before
        self.mark = "" if is_late else mark
        self._judge()
        if is_late and self.marks.learned and not self.is_uncertain:
            # Another visitor's, perhaps; how full this one's phone is, the charger must say.
            self.is_uncertain = True
            self.events.on_uncertain(self)
        self.events.on_reading(self)

    def _give_receipts(self) -> None:
        receipts = self._receipts
        while receipts and self._is_due(receipts[0]):
            self.connection.send_text(receipts.popleft().frame)

    def _is_due(self, receipt: _Receipt) -> bool:
        return receipt.sequence <= self.stored_sequence and receipt.changes <= self._remembered

    def _schedule(self) -> None:
        wheel, next_at = self.connection.context.wheel, self.conversation.next_at
        if next_at is None or not self.is_open:
            wheel.cancel(self)
        else:
            wheel.schedule(self, next_at)
