"""One connection of a charger that speaks OCPP: what each message leads to. Without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.gateway.ocpp import frames, replies
from services.gateway.ocpp.frames import Answer, BadCall, Call, ErrorCode, Unusable
from services.gateway.ocpp.hub_calls.calls import Calls, HubCall, Outcome
from services.gateway.ocpp.hub_calls.questions import Questions
from services.gateway.ocpp.known import Known
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.reports import Reports
from services.gateway.ocpp.turn import CommandAnswer, CommandDue, Now, Turn

_MOST_HELD: Final = 8
_MOST_BYTES_HELD: Final = frames.MAX_MESSAGE_BYTES
"""More are not answered, as if they were lost: chargers repeat them."""


@dataclass(slots=True, eq=False, repr=False)
class Conversation:
    """The state of a connection; `services.gateway.ocpp` says how it is used.

    Attributes:
        known: What is known of the charger, for ``explain``.
        reports: What the charger says, and what it means.
        calls: What the hub has to say.
    """

    version: Version
    heartbeat_seconds: int
    """How often the charger must send heartbeats; pings show earlier that it is gone."""
    known: Known = field(default_factory=Known)
    calls: Calls = field(default_factory=Calls)
    reports: Reports = field(init=False)
    questions: Questions = field(init=False)
    _held: list[tuple[Call, Now]] = field(default_factory=list)
    _is_admitted: bool = False
    _has_spoken: bool = False

    def __post_init__(self) -> None:
        self.reports = Reports(self.version, self.known)
        self.questions = Questions(self.version, self.known, self.calls, self.reports.rules)

    def take(self, message: bytes, now: Now) -> Turn:
        """Take a message.

        Raises:
            UnicodeDecodeError: It is not UTF-8 (RFC 6455: close with 1007).
        """
        turn = Turn()
        match frames.decode(message):
            case Call() as call:
                self._has_spoken = True
                self._on_call(call, now, turn)
            case Answer() as answer:
                outcome = self.calls.on_answer(answer)
                if outcome is not None:
                    turn.answered = outcome.number
                    self._on_outcome(outcome, turn)
            case BadCall(message_id, code, why):
                turn.replies.append(frames.encode_error(message_id, code, why))
                turn.bad = why
            case Unusable(why):
                turn.bad = why
        return self._finish(now, turn)

    def on_admitted(
        self, transactions: bytes | None, sampled_at: Mapping[int, float], now: Now
    ) -> Turn:
        """Go on once the charger has its epoch: answer what was held.

        Args:
            transactions: Those that are stored for the charger, if any are.
            sampled_at: When the readings that are stored for its connectors were sampled, by the
                context's clock.
            now: The present.
        """
        self.reports.transactions.load(transactions)
        self.reports.note_stored(sampled_at)
        self._is_admitted = True
        held, self._held = self._held, []
        turn = Turn()
        for call, received in held:
            self._answer(call, received, now, turn)
        return self._finish(now, turn)

    def on_settings(self, full_when: Mapping[int, str], now: Now) -> Turn:
        """Take what counts as full, of each connector (`shared.contract.full_when`)."""
        for connector in self.reports.on_settings(full_when):
            self.questions.ask_state_soon(connector)
        return self._finish(now, Turn())

    def ask_again(self, connector: int, now: Now) -> Turn:
        """Ask for a connector's level: what is known may be another visitor's."""
        self.questions.trigger_soon(connector)
        self.questions.ask_state_soon(connector)
        return self._finish(now, Turn())

    def command(self, call: HubCall, now: Now) -> Turn | None:
        """Take an operator's command; None if too many wait.

        When its turn comes it is `due`, and its holder says whether it may be sent.
        """
        return self._finish(now, Turn()) if self.calls.add(call) else None

    def on_checked(self, command_id: str, now: Now, *, may_send: bool) -> Turn:
        """Send a command that was due, or give it up; its answer comes in a later turn."""
        turn = Turn()
        if not may_send:
            self.calls.withdraw(command_id)
        elif (sent := self.calls.send_command(command_id, now.clock)) is not None:
            call, frame = sent
            turn.calls.append(frame)
            if call.connector:
                self.questions.triggered_at[call.connector] = now.clock
        return self._finish(now, turn)

    @property
    def next_at(self) -> float | None:
        """When to call `on_timer`, by the context's clock; None: there is no need."""
        times = (self.calls.overdue_at, self.questions.next_at if self._may_call else None)
        return min((at for at in times if at is not None), default=None)

    def on_timer(self, now: Now) -> Turn:
        """Give up a call that was not answered in time; send what is due."""
        turn = Turn()
        outcome = self.calls.expire(now.clock)
        if outcome is not None:
            self._on_outcome(outcome, turn)
        return self._finish(now, turn)

    @property
    def _may_call(self) -> bool:
        # Some chargers start over when they are called before their boot is answered: it is, by
        # now, if it came.
        return self._is_admitted and self._has_spoken

    def _on_call(self, call: Call, now: Now, turn: Turn) -> None:
        if self._is_admitted or call.action not in replies.HELD[self.version]:
            self._answer(call, now, now, turn)
        elif self._has_room_for(call):
            self._held.append((call, now))

    def _has_room_for(self, call: Call) -> bool:
        held = sum(len(bytes(each.payload)) for each, _ in self._held)
        return len(self._held) < _MOST_HELD and held + len(bytes(call.payload)) <= _MOST_BYTES_HELD

    def _answer(self, call: Call, received: Now, now: Now, turn: Turn) -> None:
        """Answer a request that came at ``received``."""
        match call.action:
            case "Heartbeat":
                turn.replies.append(frames.encode_result(call.id, replies.heartbeat_reply(now.utc)))
            case "BootNotification":
                self.reports.on_boot(call.payload)
                welcome = replies.boot_reply(now.utc, self.heartbeat_seconds)
                turn.replies.append(frames.encode_result(call.id, welcome))
                self.questions.restart()
            case "StatusNotification":
                self.reports.on_status(call.payload, received, turn)
                turn.replies.append(frames.encode_result(call.id, replies.EMPTY))
            case action if action in replies.HELD[self.version]:
                receipt = self.reports.on_report(
                    action, call.payload, received, self.questions.triggered_at, turn
                )
                turn.receipts.append(frames.encode_result(call.id, receipt))
            case action:
                reply = replies.fixed_reply(self.version, action)
                if isinstance(reply, ErrorCode):
                    turn.replies.append(frames.encode_error(call.id, reply, "not for this hub"))
                else:
                    turn.replies.append(frames.encode_result(call.id, reply))

    def _on_outcome(self, outcome: Outcome, turn: Turn) -> None:
        call = outcome.call
        if call.purpose == "command":
            turn.results.append(CommandAnswer(call.command_id, outcome.payload, outcome.error))
        else:
            self.questions.on_outcome(outcome)

    def _finish(self, now: Now, turn: Turn) -> Turn:
        """Send what may be sent, and tell what changed."""
        if self._may_call:
            self.questions.plan(now.clock)
            sent = self.calls.send(now.clock)
            if sent is not None:
                call, frame = sent
                if call.purpose == "command":
                    turn.due.append(CommandDue(call.command_id, call.deadline))
                else:
                    turn.calls.append(frame)
                    self.questions.on_sent(call, now.clock)
        transactions = self.reports.transactions
        if transactions.has_changed:
            turn.transactions, transactions.has_changed = transactions.encode(), False
        turn.has_news, self.known.has_news = self.known.has_news, False
        return turn
