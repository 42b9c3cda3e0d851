"""A charger that speaks OCPP, to a conversation in the same process."""

import json
from typing import Any, Final

from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.hub_calls.operator_commands import call_of
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.timestamps import write_timestamp
from services.gateway.ocpp.turn import Now, Turn
from shared.contract.charger_commands import Command, CommandName
from tests.unit.gateway.ocpp.schemas import check_call, check_error, check_result

BEGAN: Final = Now(clock=1000.0, utc=1_796_032_800.0)
"""2026-11-30 at 10:00."""
DEADLINE: Final = 1_796_032_815_000_000


class Charger:
    """Sends requests and answers; every frame that comes back is checked by the schemas.

    Attributes:
        calls: Of the hub, that are not answered: id, action and payload.
        due: Ids of commands whose turn it is.
        may_send: What is said of these; None: nothing.
    """

    def __init__(self, version: Version = Version.V16, *, admitted: bool = True) -> None:
        self.version = version
        self.now = BEGAN
        self.conversation = Conversation(version, heartbeat_seconds=300)
        self.behind = 0.0
        self.due: list[str] = []
        self.may_send: bool | None = True
        self.calls: list[tuple[str, str, Any]] = []
        self._count = 0
        self._actions: dict[str, str] = {}
        if admitted:
            self.admit()

    def wait(self, seconds: float) -> None:
        self.now = Now(self.now.clock + seconds, self.now.utc + seconds)

    def time(self, ago: float = 0.0) -> str:
        """Return a time by the charger's clock."""
        return write_timestamp(self.now.utc - self.behind - ago)

    def send(self, action: str, payload: object = None, message_id: str = "") -> Turn:
        self._count += 1
        message_id = message_id or f"c{self._count}"
        self._actions[message_id] = action
        return self.raw(json.dumps([2, message_id, action, payload or {}]).encode())

    def raw(self, message: bytes) -> Turn:
        return self._check(self.conversation.take(message, self.now))

    def answer(self, payload: object, call: int = 0) -> Turn:
        message_id, _, _ = self.calls.pop(call)
        return self.raw(json.dumps([3, message_id, payload]).encode())

    def refuse(self, code: str = "NotSupported") -> Turn:
        message_id, _, _ = self.calls.pop(0)
        return self.raw(json.dumps([4, message_id, code, "", {}]).encode())

    def admit(
        self, transactions: bytes | None = None, stored: dict[int, float] | None = None
    ) -> Turn:
        return self._check(self.conversation.on_admitted(transactions, stored or {}, self.now))

    def timer(self) -> Turn:
        return self._check(self.conversation.on_timer(self.now))

    def ask_again(self, connector: int = 1) -> Turn:
        return self._check(self.conversation.ask_again(connector, self.now))

    def command(
        self, command_id: str, name: CommandName = CommandName.RESET, connector: int = 1
    ) -> Turn | None:
        """Have an operator command it; None: too much waits for it."""
        command = Command(
            id=command_id,
            command=name,
            charger="c1",
            connector=connector,
            epoch=5,
            deadline=DEADLINE,
        )
        turn = self.conversation.command(call_of(self.version, command), self.now)
        return None if turn is None else self._check(turn)

    def check(self, command_id: str, *, may_send: bool) -> Turn:
        """Say whether a command that is due may be sent."""
        self.due.remove(command_id)
        return self._check(self.conversation.on_checked(command_id, self.now, may_send=may_send))

    def settings(self, full_when: dict[int, str]) -> Turn:
        return self._check(self.conversation.on_settings(full_when, self.now))

    def meter_values(
        self,
        level: object,
        *,
        connector: int = 1,
        ago: float = 0.0,
        context: str | None = None,
        **more: object,
    ) -> Turn:
        """Report a level that was sampled some seconds ago."""
        value = {"value": level, "measurand": "SoC"} | ({"context": context} if context else {})
        sample = {"timestamp": self.time(ago), "sampledValue": [value]}
        where = "connectorId" if self.version is Version.V16 else "evseId"
        return self.send("MeterValues", {where: connector, "meterValue": [sample], **more})

    def start(self, connector: int = 1, **more: object) -> int:
        """Start a transaction of 1.6; return its id."""
        request = {
            "connectorId": connector,
            "idTag": "04E1",
            "meterStart": 0,
            "timestamp": self.time(),
            **more,
        }
        (receipt,) = self.send("StartTransaction", request).receipts
        return int(json.loads(receipt)[2]["transactionId"])

    def event(self, kind: str, transaction_id: str = "t1", **more: object) -> Turn:
        """Send a TransactionEvent."""
        request = {
            "eventType": kind,
            "timestamp": self.time(),
            "triggerReason": "Trigger",
            "seqNo": 0,
            "transactionInfo": {"transactionId": transaction_id},
            **more,
        }
        return self.send("TransactionEvent", request)

    def samples(self, *levels: tuple[float, object]) -> list[dict[str, object]]:
        """Return meter values; each is some seconds old."""
        return [
            {"timestamp": self.time(ago), "sampledValue": [{"value": level, "measurand": "SoC"}]}
            for ago, level in levels
        ]

    def _check(self, turn: Turn) -> Turn:
        for frame in (*turn.replies, *turn.receipts):
            kind, message_id, *_ = json.loads(frame)
            if kind == 3:
                check_result(frame, self.version, self._actions[message_id])
            else:
                check_error(frame)
        self.calls += [check_call(frame, self.version) for frame in turn.calls]
        assert len(self.calls) <= 1, "the hub has one call at a time"
        for due in turn.due:
            assert due.deadline == DEADLINE
            self.due.append(due.command_id)
            if self.may_send is not None:
                self.check(due.command_id, may_send=self.may_send)
        return turn
