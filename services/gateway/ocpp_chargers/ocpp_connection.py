"""The connection of a charger that speaks OCPP: it does what the conversation says.

A charger to all other parts of the gateway, and so is each of its registered connectors from
number 2 on: an epoch, a last reading and a mark are those of a `ChargerConnection`.
`services.gateway.ocpp` says what is added to that, and in which order.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.dialect import BadFrameError
from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.hub_calls.operator_commands import call_of, result_of
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import CommandAnswer, CommandDue, Now, Turn
from services.gateway.ocpp_chargers.commands import OperatorCommands
from services.gateway.ocpp_chargers.connector import Connector, OcppEvents, OcppReadings
from services.gateway.ocpp_chargers.records import Recalled, Records
from shared.contract.charger_commands import Command, CommandResult, Unsent
from shared.contract.device_protocol import ErrorCode
from shared.contract.presence import OcppCharger
from shared.contract.presence import OcppNote as Note

_HEARTBEAT_SECONDS: Final = 300
_MOST_RECEIPTS: Final = 64
"""If more wait for Redis, the oldest is dropped: its charger has given it up, and repeats it."""


class _Receipt(NamedTuple):
    """An answer that is due once readings and transactions are stored."""

    readings: Sequence[tuple[OcppReadings, int]]
    """Of each connector that has some, the sequence of the newest that must be stored first."""
    changes: int
    """Of the transactions, as many as must be stored first."""
    frame: bytes
    is_pong: bool = False


class OcppConnection(OcppReadings):
    """What one connection of a charger said in OCPP, and how much of it is stored.

    Attributes:
        transactions: Those to store, as JSON; empty while none are known.
        changes: How often they changed.
        conversation: What the rules need to know of it.
        connectors: Those that are registered, from number 2 on.
        due: When the conversation has something to do, as the timer wheel counts.
    """

    __slots__ = (
        "_begun_marks",
        "_commands",
        "_full_when",
        "_is_recalled",
        "_on_connector",
        "_receipts",
        "_records",
        "_remembered",
        "_version",
        "_wall_clock",
        "changes",
        "connectors",
        "conversation",
        "due",
        "transactions",
    )

    def __init__(
        self,
        connection: DeviceConnection,
        device_id: str,
        partition: int,
        events: OcppEvents,
        *,
        records: Records,
        commands: OperatorCommands,
        version: Version,
        wall_clock: Callable[[], float],
    ) -> None:
        super().__init__(connection, device_id, partition, events)
        self._on_connector = events.on_connector
        self.conversation = Conversation(version, _HEARTBEAT_SECONDS)
        self.due = -1
        self.transactions = b""
        self.changes = 0
        self.connectors: dict[int, Connector] = {}
        self._remembered = 0  # of the changes
        self._full_when: dict[int, str] = {}  # of each connector, as far as it is known
        self._records = records
        self._commands = commands
        self._is_recalled = False
        self._version = version
        self._wall_clock = wall_clock
        self._receipts: deque[_Receipt] = deque(maxlen=_MOST_RECEIPTS)
        self._begun_marks: Mapping[int, str | None] | None = None  # of a message in fragments

    @property
    def calls_sent(self) -> int:
        """How many calls the hub has sent on this connection."""
        return self.conversation.calls.newest

    # What Redis says.

    def on_pairing_read(self, pairing: KnownPairing) -> None:
        """Mark all readings but those that were sampled before the pairing."""
        super().on_pairing_read(pairing)
        self.marks.began_before = self._now().clock - pairing.age

    def on_admitted(self) -> None:
        """Ask for what is stored of the charger, and take commands to it."""
        self._records.recall(self)
        if self.is_open:
            self._commands.listen_for(self)

    def on_recalled(
        self, transactions: bytes, connectors: Sequence[Recalled], asked_at: float
    ) -> None:
        """Take what is stored; the first time, answer the messages that needed it."""
        for each in connectors:
            if each.pairing is not None and each.number not in self.connectors:
                self.connectors[each.number] = connector = Connector(self, each.number)
                self._on_connector(connector, self.epoch or 0, each.pairing, asked_at)
        known = {each.number: set_ for each in connectors if (set_ := each.full_when) is not None}
        self._full_when |= known
        self._do(self.conversation.on_settings(self._full_when, self._now()))
        if self._is_recalled:
            return
        self._is_recalled = True
        self.transactions = self.transactions or transactions
        self._records.tell(self)
        times = {each.number: at for each in connectors if (at := each.sampled_at) is not None}
        self._do(self.conversation.on_admitted(transactions or None, times, self._now()))

    def on_remembered(self, changes: int) -> None:
        """Note that the transactions are stored as they were after so many changes."""
        self._remembered = max(self._remembered, changes)
        self.give_receipts()

    def on_stored(self, sequence: int) -> None:
        """Note that the readings up to ``sequence`` are stored, and give their receipts."""
        super().on_stored(sequence)
        self.give_receipts()

    def on_unregistered(self, connector: Connector) -> None:
        """Stop storing for a connector; what it said needs no storing any more."""
        if self.connectors.get(connector.number) is connector:
            del self.connectors[connector.number]
            self.events.on_closing(connector)
            self.events.on_disconnected(connector)
        connector.on_stored(connector.sequence)

    def describe(self) -> bytes:
        """Return what is known of the charger, for ``explain``, as JSON."""
        known = self.conversation.known
        return msgspec.json.encode(
            OcppCharger(
                self.epoch or 0,
                self._version,
                known.vendor,
                known.model,
                known.firmware,
                known.states,
                sorted(known.reporting),
                known.notes,  # type: ignore[arg-type] # the codes are texts
                known.full_when,
                sorted(known.by_setting),
            )
        )

    # What the charger says.

    def on_message_begun(self) -> None:
        """Keep the marks: a pong may come before the message is complete."""
        self._begun_marks = {number: each.marks.in_force for number, each in self._each()}

    def on_message(self, message: bytes) -> None:
        """Take a message.

        Raises:
            BadFrameError: It is a bad one; its answer, if it has one, is given.
            UnicodeDecodeError: It is not UTF-8.
        """
        begun, self._begun_marks = self._begun_marks, None
        turn = self.conversation.take(message, self._now())
        self._do(turn, begun)
        if turn.bad:
            raise BadFrameError(ErrorCode.NOT_JSON, turn.bad)

    def on_ping(self, payload: bytes) -> None:
        """Answer once every reading before the ping is stored: a pong is a receipt."""
        self._promise(payload, is_pong=True)
        self.give_receipts()

    def on_pong(self, payload: bytes) -> None:
        """Take a pong as the answer that was waited for."""
        super().on_pong(payload)
        if payload:
            for connector in self.connectors.values():
                connector.marks.on_pong(payload)

    def on_closing(self) -> None:
        """Have no more to say."""
        self.connection.context.wheel.cancel(self)
        super().on_closing()
        for connector in self.connectors.values():
            self.events.on_closing(connector)

    def on_lost(self) -> None:
        """Report the end."""
        self.connection.context.wheel.cancel(self)
        self._records.forget(self)
        self._commands.forget(self)
        super().on_lost()
        for connector in self.connectors.values():
            self.events.on_disconnected(connector)

    def take_native(self, message: bytes) -> None:
        """Take a reading of our own dialect."""
        super().on_message(message)

    # What the hub says.

    def on_timer(self, now: float) -> None:
        """Do what the conversation has to do by now."""
        self._do(self.conversation.on_timer(self._now()._replace(clock=now)))

    def ask_again(self) -> None:
        """Ask the charger for its level."""
        self.ask(1)

    def ask(self, number: int) -> None:
        """Ask for a connector's level."""
        self._do(self.conversation.ask_again(number, self._now()))

    def take_command(self, command: Command) -> None:
        """Queue an operator's command."""
        turn = self.conversation.command(call_of(self._version, command), self._now())
        if turn is None:
            self._tell_unsent(command.id, Unsent.BUSY)
        else:
            self._do(turn)

    def on_command_checked(self, command_id: str, *, may_send: bool) -> None:
        """Send a command that was due, or give it up."""
        if may_send and (self.superseded or not self.is_open):
            may_send = False
            self._tell_unsent(command_id, Unsent.SUPERSEDED)
        self._do(self.conversation.on_checked(command_id, self._now(), may_send=may_send))

    def _tell_unsent(self, command_id: str, why: Unsent) -> None:
        self._commands.tell(CommandResult(id=command_id, charger=self.device_id, unsent=why))

    def close_to_ask(self) -> None:
        """Have a charger of our own dialect say its level again."""
        super().ask_again()

    def give_receipts(self) -> None:
        """Give the answers that are due: more is stored."""
        receipts = self._receipts
        while receipts and self._is_due(receipts[0]):
            receipt = receipts.popleft()
            if receipt.is_pong:
                self.connection.pong(receipt.frame)
            else:
                self.connection.send_text(receipt.frame)

    def _now(self) -> Now:
        return Now(self.connection.context.clock(), self._wall_clock())

    def _each(self) -> Sequence[tuple[int, OcppReadings]]:
        return [(1, self), *self.connectors.items()]

    def _do(self, turn: Turn, begun: Mapping[int, str | None] | None = None) -> None:
        """Do what a turn says. Its readings get the marks of when their message began."""
        if turn.answered:
            for _, each in self._each():
                each.on_answered(turn.answered)
        for frame in (*turn.replies, *turn.calls):
            self.connection.send_text(frame)
        self._pass_on(turn.due, turn.results)
        known = self.conversation.known
        for reading in turn.readings:
            number = reading.connector
            connector = self if number == 1 else self.connectors.get(number)
            if connector is None:
                said = f"connector {number} is not registered: {self.device_id}:{number}"
                known.note(Note.NOT_REGISTERED, said)
            else:
                mark = connector.marks.in_force if begun is None else begun.get(number)
                connector.take_reading(reading, mark)
        if turn.transactions is not None:
            self.transactions = turn.transactions
            self.changes += 1
            self._records.remember(self)
        if (turn.has_news or known.has_news) and self._is_recalled:
            known.has_news = False
            self._records.tell(self)
        for frame in turn.receipts:
            self._promise(frame)
        self.give_receipts()
        self._schedule()

    def _pass_on(self, due: Sequence[CommandDue], answers: Sequence[CommandAnswer]) -> None:
        for command in due:
            self._commands.check(self, command)
        for answer in answers:
            self._commands.tell(result_of(self.device_id, answer))

    def _promise(self, frame: bytes, *, is_pong: bool = False) -> None:
        readings = [(each, each.sequence) for _, each in self._each() if not each.is_stored]
        self._receipts.append(_Receipt(readings, self.changes, frame, is_pong))

    def _is_due(self, receipt: _Receipt) -> bool:
        return receipt.changes <= self._remembered and all(
            each.stored_sequence >= sequence for each, sequence in receipt.readings
        )

    def _schedule(self) -> None:
        wheel, next_at = self.connection.context.wheel, self.conversation.next_at
        if next_at is None or not self.is_open:
            wheel.cancel(self)
        else:
            wheel.schedule(self, next_at)
