"""A gateway's chargers, with Redis as a script of answers.

What the Lua scripts do is tested with a real one.
"""

from collections.abc import Callable, Sequence
from typing import Any

from services.gateway import scripts
from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.chargers.chargers import Chargers
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.rejections import Rejections
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from tests.unit.gateway.fake_device import Clock, FakeDevice, context_of, head_of, reading_of
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work

NAMES = Names(1)
REDIS_NOW = 1_700_000_000_000_000
EPOCH = REDIS_NOW + 5


class ChargerBus(FakeBus):
    """Answers each script call as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.admit: Callable[[str], bytes] = lambda _id: b"%d" % EPOCH
        self.store: Callable[[str], bytes] = lambda _id: b"stored"
        self.reconcile: Callable[[str], bytes] = lambda _id: b"kept"
        self.times_asked = 0

    def answer_command(self, words: Sequence[Argument]) -> list[bytes]:
        assert tuple(words) == ("TIME",)
        self.times_asked += 1
        return [b"%d" % (REDIS_NOW // 1_000_000), b"0"]

    def answer_call(self, call: Call) -> list[Any]:
        words = [str(word) for word in call.arguments]
        if call.script is scripts.ADMIT:
            return [b"%d" % REDIS_NOW, *map(self.admit, words[1::3])]
        if call.script is scripts.STORE:
            return [*map(self.store, words[1::6])]
        return self._differing(words[::2])

    def _differing(self, ids: list[str]) -> list[Any]:
        answers = ((place, self.reconcile(device_id)) for place, device_id in enumerate(ids))
        return [word for pair in answers if pair[1] != b"kept" for word in pair]

    def stored(self) -> list[tuple[object, ...]]:
        """Return id, epoch, sequence, level and "again" of what was sent to be stored."""
        found: list[tuple[object, ...]] = []
        for call in self.calls:
            if call.script is scripts.STORE:
                words = call.arguments[1:]
                items = [tuple(words[i : i + 6]) for i in range(0, len(words), 6)]
                found += [(*item[:4], item[5]) for item in items]
        return found


class Booth:
    """A gateway's chargers, with Redis as a fake."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bus = ChargerBus()
        self.context = context_of(clock)
        self.trust = DirectoryTrust()
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

    def charger(self, device_id: str = "c1") -> "FakeCharger":
        return FakeCharger(self, device_id)

    async def write(self) -> None:
        """Let everything be written that can be."""
        await let_work(self.chargers.write())

    async def reconcile(self) -> None:
        """Let everything be compared once."""
        await let_work(self.chargers.reconcile())

    def compared(self) -> list[list[object]]:
        """Return ids and fingerprints of each call that compared."""
        return [list(call.arguments) for call in self.bus.calls if call.script is scripts.RECONCILE]


class FakeCharger(FakeDevice):
    """A charger at this booth whose handshake is done."""

    connection: ChargerConnection

    def __init__(self, booth: Booth, device_id: str) -> None:
        endpoint = charger_endpoint(booth.chargers, booth.names.partitions, Rejections())
        super().__init__(booth.context, endpoint)
        self.send(head_of(f"/chargers/{device_id}"))

    def report(self, level: object) -> None:
        self.send(reading_of(level))
