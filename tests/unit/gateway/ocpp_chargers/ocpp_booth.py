"""A gateway's chargers that speak OCPP, with Redis as a script of answers."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from websockets.frames import Opcode

from services.gateway import scripts
from services.gateway.auth.credentials import Presented
from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.timestamps import write_timestamp
from services.gateway.ocpp_chargers.commands import OperatorCommands
from services.gateway.ocpp_chargers.ocpp_endpoint import with_ocpp
from services.gateway.ocpp_chargers.records import Records
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Argument, Call
from tests.unit.gateway.chargers.charger_booth import NAMES, Booth, ChargerBus
from tests.unit.gateway.fake_device import Clock, FakeDevice, head_of
from tests.unit.shared.fake_bus import FakeSubscriber
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work

UTC_OFFSET = 1_796_000_000.0
"""What the calendar says when a test's clock says 0."""


class OcppBus(ChargerBus):
    """Answers what chargers of OCPP ask for, too.

    Attributes:
        transactions: Of each charger, as stored; None: a newer connection counts.
        known: What was stored of each for ``explain``.
        connectors: Those from number 2 on that are registered, of every charger.
        full_when: What counts as full at each charger and connector; None: it is not known.
        sampled_ago: How long ago the stored reading of each was sampled, in seconds.
        may_send: Answers whether a command may be sent.
        checked: Of which commands that was asked: charger, epoch, deadline.
        told: What was published of commands.
        publishing_fails: What each publishing leads to, if anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.transactions: dict[str, bytes | None] = {}
        self.sampled_ago: dict[str, float] = {}
        self.full_when: defaultdict[str, bytes | None] = defaultdict(lambda: b"reported")
        self.connectors: set[int] = set()
        self.known: dict[str, Any] = {}
        self.may_send: Callable[[], Any] = lambda: b"15000000"
        self.checked: list[tuple[Any, ...]] = []
        self.told: list[Any] = []
        self.publishing_fails: Exception | None = None

    def answer_command(self, words: Sequence[Argument]) -> Any:
        if words[0] != "PUBLISH":
            return super().answer_command(words)
        if isinstance(self.publishing_fails, BusUnavailableError):
            raise self.publishing_fails
        if self.publishing_fails is not None:
            return self.publishing_fails
        _, channel, payload = words
        assert channel == NAMES.chargers[0].command_results
        assert isinstance(payload, bytes)
        self.told.append(json.loads(payload))
        return 1

    def answer_call(self, call: Call) -> Any:
        words = list(call.arguments)
        if call.script is scripts.RECALL:
            return [b"%d" % self.now, *(self._recalled(str(charger)) for charger in words[::2])]
        if call.script is scripts.MAY_SEND:
            self.checked.append(tuple(words))
            return self.may_send()
        if call.script is scripts.REMEMBER:
            _, key = call.keys
            return [self._remember(key, *words[i : i + 3]) for i in range(0, len(words), 3)]
        return super().answer_call(call)

    def _recalled(self, charger: str) -> list[Any] | None:
        transactions = self.transactions.get(charger, b"")
        if transactions is None:
            return None
        answer: list[Any] = [transactions, b"1", self._age(charger), [], self.full_when[charger]]
        for number in self.connectors:
            device_id = f"{charger}:{number}"
            answer += (b"%d" % number, self._age(device_id), self._told())
            answer.append(self.full_when[device_id])
        return answer

    def _age(self, device_id: str) -> bytes | None:
        ago = self.sampled_ago.get(device_id)
        return None if ago is None else b"%d" % round(ago * 1_000_000)

    def _remember(self, key: str, charger: object, _epoch: object, value: Any) -> bytes:
        if key == NAMES.chargers[0].ocpp:
            self.known[str(charger)] = json.loads(value)
            return b"stored"
        if self.transactions.get(str(charger), b"") is None:
            return b"superseded"
        self.transactions[str(charger)] = value
        return b"stored"


class Heard(FakeSubscriber):
    """Where commands are heard.

    Attributes:
        has_run: Whether it was connected.
    """

    has_run = False

    async def run(self) -> None:
        self.has_run = True
        await super().run()


class OcppBooth(Booth):
    """A gateway's chargers of OCPP, with Redis as a fake."""

    bus: OcppBus

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.bus = OcppBus()
        self.use(NAMES)
        self.records = Records(self.bus, self.bus, NAMES, clock, NoDelay())
        self.heard = Heard()
        self.commands = OperatorCommands(self.bus, self.heard, NAMES, clock, NoDelay())

    async def hear(self) -> None:
        """Let commands be heard, if they can be."""
        await let_work(self.commands.hear())

    async def write(self) -> None:
        """Let everything be written and read that can be."""
        await super().write()
        await let_work(self.records.keep())
        await super().write()
        await let_work(self.commands.run())


class OcppCharger(FakeDevice):
    """A charger whose handshake is sent.

    Attributes:
        presented: What it presented to be let in.
        behind: By how many seconds its clock is behind.
    """

    def __init__(
        self,
        booth: OcppBooth,
        offer: str | None = Version.V16,
        *,
        read: KnownPairing | None = None,
        target: str = "/chargers/c1",
        headers: tuple[str, ...] = (),
        needs_subprotocol: bool = True,
    ) -> None:
        self.presented: list[str] = []

        def authenticate(handshake: Any, _id: str, presented: Presented) -> None:
            self.presented.append(presented.secret.get_secret_value())
            handshake.on_auth_result(admitted=True, pairing=read)

        partitions = booth.names.partitions
        native = charger_endpoint(booth.chargers, partitions, booth.rejections, authenticate)
        endpoint = with_ocpp(
            native,
            booth.chargers,
            partitions,
            booth.records,
            booth.commands,
            needs_subprotocol=needs_subprotocol,
            wall_clock=lambda: booth.clock.now + UTC_OFFSET,
        )
        super().__init__(booth.context, endpoint)
        self._booth = booth
        self._count = 0
        self.behind = 0.0
        offered = () if offer is None else (f"Sec-WebSocket-Protocol: {offer}",)
        self.send(head_of(target, *offered, *headers))

    def call(self, action: str, payload: object = None) -> str:
        """Send a request; return its id."""
        self._count += 1
        message_id = f"c{self._count}"
        self.say(json.dumps([2, message_id, action, payload or {}]).encode())
        return message_id

    def answer(self, payload: object) -> None:
        """Answer the newest call of the hub."""
        self.say(json.dumps([3, self.calls[-1][1], payload]).encode())

    def time(self, ago: float = 0.0) -> str:
        """Return a time by the charger's clock."""
        return write_timestamp(self._booth.clock.now + UTC_OFFSET - self.behind - ago)

    def report(self, level: object, *, connector: int = 1, ago: float = 0.0) -> str:
        """Report a level that was sampled some seconds ago."""
        sample = {
            "timestamp": self.time(ago),
            "sampledValue": [{"value": str(level), "measurand": "SoC"}],
        }
        return self.call("MeterValues", {"connectorId": connector, "meterValue": [sample]})

    @property
    def messages(self) -> list[Any]:
        """What the hub has sent."""
        return [json.loads(each) for each in self.got(Opcode.TEXT)]

    @property
    def answered(self) -> list[str]:
        """The ids of requests that have their answer, in order."""
        return [message[1] for message in self.messages if message[0] in {3, 4}]

    @property
    def calls(self) -> list[Any]:
        """What the hub asks."""
        return [message for message in self.messages if message[0] == 2]

    @property
    def subprotocols(self) -> list[str]:
        """What the hub chose."""
        name = "sec-websocket-protocol: "
        head = self.http_head.splitlines()
        return [line[len(name) :] for line in head if line.lower().startswith(name)]
