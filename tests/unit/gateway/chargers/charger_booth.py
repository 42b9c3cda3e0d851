"""A gateway's chargers, with Redis as a script of answers.

What the Lua scripts do is tested with a real one.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from websockets.frames import Opcode

from services.gateway import scripts
from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.chargers.chargers import Chargers
from services.gateway.chargers.stored_fingerprints import known_pairing
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.known_pairing import KnownPairing
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.rejections import Rejections
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    context_of,
    frame_of,
    head_of,
    reading_of,
)
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work

NAMES = Names(1)
REDIS_NOW = 1_700_000_000_000_000
EPOCH = REDIS_NOW + 5
NOT_PAIRED = {b"unregistered", b"absent"}


class ChargerBus(FakeBus):
    """Answers each script call as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.admit: Callable[[str], bytes] = lambda _id: b"%d" % EPOCH
        self.store: Callable[[str], bytes] = lambda _id: b"stored"
        self.reconcile: Callable[[str], bytes] = lambda _id: b"kept"
        self.pairing = KnownPairing(7, "")
        """What every charger has, as far as Redis knows."""
        self.times_asked = 0
        self.now = REDIS_NOW
        """What time it is there; it stands still."""

    def answer_command(self, words: Sequence[Argument]) -> list[bytes]:
        assert tuple(words) == ("TIME",)
        self.times_asked += 1
        return [b"%d" % (self.now // 1_000_000), b"0"]

    def answer_call(self, call: Call) -> list[Any]:
        words = [str(word) for word in call.arguments]
        if call.script is scripts.ADMIT:
            return [b"%d" % self.now, *chain(*map(self._admitted, words[1::3]))]
        if call.script is scripts.STORE:
            return [*map(self.store, _readings_of(words)[::6])]
        return [b"%d" % self.now, *self._differing(words[::3], words[2::3])]

    def _admitted(self, device_id: str) -> tuple[bytes, list[bytes]]:
        answer = self.admit(device_id)
        return answer, self._told() if answer.isdigit() else []

    def _told(self) -> list[bytes]:
        number, mark, age = self.pairing
        return [b"%d" % number, mark.encode(), b"%d" % round(age * 1_000_000)]

    def _differing(self, ids: list[str], known: list[str]) -> Iterator[Any]:
        for place, device_id in enumerate(ids):
            answer = self.reconcile(device_id)
            is_known = known[place] == known_pairing(self.pairing.number, self.pairing.mark)
            told = [] if is_known or answer in NOT_PAIRED else self._told()
            if answer != b"kept" or told:
                yield from (place, answer, told)

    def stored(self) -> list[tuple[object, ...]]:
        """Return id, epoch, sequence, level and mark of what was sent to be stored."""
        found: list[tuple[object, ...]] = []
        for call in self.calls:
            if call.script is scripts.STORE:
                words = _readings_of(call.arguments)
                items = [tuple(words[i : i + 6]) for i in range(0, len(words), 6)]
                found += [(*item[:4], item[5]) for item in items]
        return found


def _readings_of(words: Sequence[Any]) -> Sequence[Any]:
    """Return six words for each reading, without what comes before and after them."""
    return words[2 : len(words) - (len(words) - 2) % 6]


class Booth:
    """A gateway's chargers, with Redis as a fake."""

    def __init__(self, clock: Clock, **settings: object) -> None:
        self.clock = clock
        self.bus = ChargerBus()
        self.context = context_of(clock, **settings)
        self.trust = DirectoryTrust()
        self.rejections = Rejections(clock)
        self.use(NAMES)

    def use(self, names: Names) -> None:
        """Begin with no chargers."""
        self.names = names
        self.chargers = Chargers(
            self.bus,
            names,
            self.context,
            devices=ConnectedDevices(),
            trust=self.trust,
            rng=NoDelay(),
        )

    def charger(
        self, device_id: str = "c1", *, read: KnownPairing | None = None, early: bytes = b""
    ) -> "FakeCharger":
        """Connect a charger.

        Args:
            device_id: Its id.
            read: Its pairing as it was read before the 101.
            early: What it sends in one segment with the head.
        """
        return FakeCharger(self, device_id, read, early)

    def let_time_pass(self, seconds: float) -> None:
        """Let time go by as the wheels see it."""
        until = self.clock.now + seconds
        while self.clock.now < until - 0.001:
            self.clock.now += 0.05
            self.context.wheel.advance()
            self.context.pauses.advance()

    async def write(self) -> None:
        """Let everything be written that can be."""
        await let_work(self.chargers.write())

    async def reconcile(self) -> None:
        """Let everything be compared once."""
        await let_work(self.chargers.reconcile())

    def compared(self) -> list[list[object]]:
        """Return ids and fingerprints of each call that compared."""
        calls = [c for c in self.bus.calls if c.script is scripts.RECONCILE]
        return [
            [word for place, word in enumerate(call.arguments) if place % 3 < 2] for call in calls
        ]


class FakeCharger(FakeDevice):
    """A charger at this booth whose handshake is done."""

    connection: ChargerConnection

    def __init__(
        self, booth: Booth, device_id: str, read: KnownPairing | None, early: bytes
    ) -> None:
        endpoint = charger_endpoint(
            booth.chargers,
            booth.names.partitions,
            booth.rejections,
            lambda handshake, _id, _secret: handshake.on_auth_result(admitted=True, pairing=read),
        )
        super().__init__(booth.context, endpoint)
        self.send(head_of(f"/chargers/{device_id}") + early)

    def report(self, level: object) -> None:
        self.send(reading_of(level))

    @property
    def pings(self) -> list[bytes]:
        return self.got(Opcode.PING)

    def pong(self, payload: bytes | None = None) -> None:
        """Answer a ping, by default the newest one."""
        self.send(frame_of(Opcode.PONG, self.pings[-1] if payload is None else payload))
