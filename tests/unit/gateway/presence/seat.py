"""One gateway's presence, with Redis as a script of answers.

What the Lua scripts do is tested with a real one.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.presence import Presence, Times
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work

NAMES = Names(2)
NOW = 1_700_000_000_000_000
SECOND = 1_000_000
UPDATE = (scripts.UPDATE_CHARGER_PRESENCE, scripts.UPDATE_WIDGET_PRESENCE)
SWEEP = (scripts.SWEEP_CHARGERS, scripts.SWEEP_WIDGETS)


class PresenceBus(FakeBus):
    """Answers as the test says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.heard: dict[str, int] = {}
        self.answer: Callable[[str], bytes] = lambda _id: b"noted"
        self.broken: set[str] = set()
        self.commanded: list[tuple[Any, ...]] = []

    @property
    def now(self) -> int:
        return NOW + round((self._clock.now - 1000) * SECOND)

    async def reach(self) -> None:
        await asyncio.sleep(0)
        await super().reach()

    def answer_command(self, words: Sequence[Argument]) -> None:
        self.commanded.append(tuple(words))

    def answer_call(self, call: Call) -> Any:
        if self.broken.intersection(call.keys):
            return ResponseError("WRONGTYPE")
        if call.script is scripts.HEARTBEAT:
            name, *dismissed = map(str, call.arguments)
            for gone in dismissed[::2]:
                self.heard.pop(gone)
            before = self.heard.get(name, 0)
            self.heard[name] = self.now
            listed = [part for item in self.heard.items() for part in item]
            return [str(part).encode() for part in (self.now, before, *listed)]
        if call.script in SWEEP:
            return 0
        return [self.answer(str(device)) for device in call.arguments[4::3]]

    def sent(self) -> list[tuple[object, ...]]:
        """What was sent of devices: id, epoch, connected."""
        return [
            tuple(call.arguments[i : i + 3])
            for call in self.calls
            if call.script in UPDATE
            for i in range(4, len(call.arguments), 3)
        ]

    def swept(self) -> list[object]:
        """Whose devices were swept, once per tag."""
        return [call.arguments[1] for call in self.calls if call.script in SWEEP]

    def heartbeats(self) -> int:
        return sum(1 for call in self.calls if call.script is scripts.HEARTBEAT)


class Seat:
    """One gateway's presence."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bus = PresenceBus(clock)
        self.chargers = ConnectedDevices()
        self.widgets = ConnectedDevices()
        self.presence = Presence(
            self.bus,
            NAMES,
            self.chargers,
            self.widgets,
            "gateway-b",
            rng=NoDelay(),
            times=Times(pause=0),
            clock=clock,
        )

    async def go_on(self, seconds: float = 0.0) -> None:
        """Let time pass, and let everything be done that is due."""
        self.clock.now += seconds
        await let_work(self.presence.keep(), 60)
