"""When which heartbeat, update and sweep is sent, with Redis as a script of answers.

What the Lua scripts do is tested with a real one.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.presence import Presence, Times
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import GATEWAYS, Names
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.no_delay import NoDelay

NAMES = Names(2)
NOW = 1_700_000_000_000_000
SECOND = 1_000_000
UPDATE = (scripts.UPDATE_CHARGER_PRESENCE, scripts.UPDATE_WIDGET_PRESENCE)
SWEEP = (scripts.SWEEP_CHARGERS, scripts.SWEEP_WIDGETS)


class FakeBus(Bus):
    """Answers as the test says, and keeps the calls."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("redis://unused", "unused")
        self._clock = clock
        self.heard: dict[str, int] = {}
        self.answer: Callable[[str], bytes] = lambda _id: b"noted"
        self.failure: Exception | None = None
        self.broken: set[str] = set()
        self.calls: list[Call] = []
        self.commanded: list[tuple[Any, ...]] = []

    @property
    def now(self) -> int:
        return NOW + round((self._clock.now - 1000) * SECOND)

    async def command(self, *words: Any) -> Any:
        await self._be_there()
        self.commanded.append(words)

    async def run_each(self, calls: Sequence[Call]) -> list[Any]:
        await self._be_there()
        self.calls += calls
        return [self._reply(call) for call in calls]

    async def _be_there(self) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure

    def _reply(self, call: Call) -> Any:
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
        self.bus = FakeBus(clock)
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
        keeping = asyncio.create_task(self.presence.keep())
        for _ in range(60):  # each round is a handful of steps of the loop
            await asyncio.sleep(0)
        if keeping.done():
            await keeping
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping


@pytest.fixture
def seat(clock: Clock) -> Seat:
    return Seat(clock)


async def test_a_gateway_sends_a_heartbeat_and_sweeps_up_after_itself(seat: Seat) -> None:
    await seat.go_on()
    assert seat.bus.heartbeats() == 1
    assert seat.bus.swept() == ["gateway-b"] * 4


async def test_a_heartbeat_is_one_command_however_many_devices(seat: Seat) -> None:
    for number in range(100):
        seat.chargers.connect(f"c{number}", number % 2, 5)
    await seat.go_on()
    assert len(seat.bus.sent()) == 100
    seat.bus.calls.clear()
    await seat.go_on(2.0)
    assert [call.script for call in seat.bus.calls] == [scripts.HEARTBEAT]


async def test_devices_are_sent_in_one_call_per_tag(seat: Seat) -> None:
    await seat.go_on()
    seat.bus.calls.clear()
    for number in range(10):
        seat.chargers.connect(f"c{number}", number % 2, 5)
        seat.widgets.connect(f"w{number}", 1)
    await seat.go_on()
    assert [call.script for call in seat.bus.calls] == [UPDATE[0], UPDATE[0], UPDATE[1]]
    assert len(seat.bus.sent()) == 20


async def test_what_could_not_be_sent_is_sent_when_redis_is_back(seat: Seat) -> None:
    await seat.go_on()
    seat.bus.failure = BusUnavailableError("away")
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    assert seat.bus.sent() == []
    seat.bus.failure = None
    await seat.go_on()
    assert seat.bus.sent() == [("c1", 5, 1)]


async def test_a_broken_key_of_one_tag_keeps_no_other_from_being_sent(seat: Seat) -> None:
    broken = NAMES.chargers[0].presence
    seat.bus.broken = {broken}
    seat.chargers.connect("c1", 0, 5)
    seat.chargers.connect("c2", 1, 6)
    seat.bus.answer = lambda _id: b"noted"
    await seat.go_on()
    assert ("c2", 6, 1) in seat.bus.sent()
    assert len(seat.bus.swept()) >= 4, "all tags were looked at"
    tried = seat.bus.sent().count(("c1", 5, 1))
    await seat.go_on()
    assert seat.bus.sent().count(("c1", 5, 1)) == tried, "not as fast as it can"
    seat.bus.broken = set()
    seat.bus.calls.clear()
    await seat.go_on(3)
    assert seat.bus.sent() == [("c1", 5, 1)]


async def test_a_tag_that_could_not_be_swept_is_swept_when_it_is_mended(seat: Seat) -> None:
    seat.bus.broken = {NAMES.widgets[1].presence}
    seat.bus.heard = {"dead": NOW - 11 * SECOND, "dead too": NOW - 12 * SECOND}
    for _ in range(3):
        await seat.go_on(2.0)
    # One that fails keeps no other from its turn.
    assert {"dead", "dead too", "gateway-b"} == set(seat.bus.swept())
    seat.bus.broken = set()
    seat.bus.calls.clear()
    await seat.go_on(2.0)
    broken = [call for call in seat.bus.calls if call.script in SWEEP]
    assert sorted(str(call.arguments[1]) for call in broken) == ["dead", "dead too", "gateway-b"]
    assert {call.keys[0] for call in broken} == {NAMES.widgets[1].presence}
    seat.bus.calls.clear()
    await seat.go_on(2.0)
    assert seat.bus.swept() == []


async def test_a_broken_tag_is_tried_once_per_heartbeat(seat: Seat) -> None:
    seat.bus.broken = {NAMES.widgets[1].presence}
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    seat.widgets.connect("w1", 1)
    await seat.go_on()
    for _ in range(3):
        seat.bus.calls.clear()
        await seat.go_on(2.0)
        assert sorted(map(str, seat.bus.swept())) == ["dead", "gateway-b"]
        assert len(seat.bus.sent()) == 1


async def test_of_a_gateway_that_came_back_nothing_is_left_to_sweep(seat: Seat) -> None:
    seat.bus.broken = {NAMES.widgets[1].presence}
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    await seat.go_on()
    seat.bus.heard["dead"] = seat.bus.now + 2 * SECOND
    seat.bus.calls.clear()
    await seat.go_on(2.0)
    assert "dead" not in seat.bus.swept()


async def test_a_sweep_never_keeps_redis_for_many_tags_at_once(seat: Seat) -> None:
    asked: list[int] = []
    really_run = seat.bus.run_each

    async def run_each(calls: Sequence[Call]) -> list[Any]:
        asked.append(sum(call.script in SWEEP for call in calls))
        return await really_run(calls)

    seat.bus.run_each = run_each  # type: ignore[method-assign]
    await seat.go_on()
    assert max(asked) <= 2
    assert sum(asked) == 4


async def test_one_that_stops_does_not_wait_for_a_broken_tag(seat: Seat) -> None:
    seat.bus.broken = {NAMES.chargers[0].presence}
    seat.chargers.connect("c1", 0, 5)
    seat.chargers.connect("c2", 1, 5)
    await seat.go_on()
    await asyncio.wait_for(seat.presence.leave(), 5)
    assert ("c2", 5, 0) in seat.bus.sent()
    assert seat.bus.commanded == []  # the others finish it


async def test_a_broken_list_of_gateways_stops_nothing(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    really_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await really_sleep(0)

    seat.bus.broken = {GATEWAYS}
    seat.chargers.connect("c1", 0, 5)
    with monkeypatch.context() as patch:
        patch.setattr("services.gateway.presence.presence.asyncio.sleep", sleep)
        await seat.go_on()
    assert 2.0 in slept  # it does not try as fast as it can
    seat.bus.broken = set()
    await seat.go_on()
    assert seat.bus.sent() == [("c1", 5, 1)]


async def test_after_a_lost_connection_everything_is_sent_again(seat: Seat) -> None:
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    seat.bus.calls.clear()
    for callback in seat.bus._on_regained:
        callback()
    await seat.go_on()
    assert seat.bus.sent() == [("c1", 5, 1)]
    (own, *_) = [call for call in seat.bus.calls if call.script in SWEEP]
    assert own.arguments[1:] == ["gateway-b", seat.bus.now, 0, "c1", 5]


@pytest.mark.parametrize("why", ["emptied", "slept"])
async def test_one_that_is_not_known_sends_everything_again(seat: Seat, why: str) -> None:
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    seat.bus.calls.clear()
    if why == "emptied":
        seat.bus.heard.clear()
        await seat.go_on(2.0)
    else:
        await seat.go_on(10.1)
    assert seat.bus.sent() == [("c1", 5, 1)]
    (update,) = [call for call in seat.bus.calls if call.script in UPDATE]
    assert update.arguments[2] == seat.bus.now  # what it noted before does not count


async def test_an_update_holds_for_a_moment_only(seat: Seat) -> None:
    await seat.go_on()
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on(0.5)
    (update,) = [call for call in seat.bus.calls if call.script in UPDATE]
    assert update.arguments[3] == seat.bus.now + SECOND


@pytest.mark.parametrize("answer", [b"absent", b"late"])
async def test_what_does_not_count_yet_is_sent_again_with_the_next_heartbeat(
    seat: Seat, answer: bytes
) -> None:
    await seat.go_on()
    seat.bus.answer = lambda _id: answer
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    assert len(seat.bus.sent()) == 1
    seat.bus.answer = lambda _id: b"noted"
    await seat.go_on(2.0)
    assert len(seat.bus.sent()) == 2
    await seat.go_on(2.0)
    assert len(seat.bus.sent()) == 2


@pytest.mark.parametrize(("others", "sweeps"), [(["gateway-c"], True), (["gateway-a"], False)])
async def test_one_gateway_sweeps_up_after_a_dead_one(
    seat: Seat, others: list[str], *, sweeps: bool
) -> None:
    seat.bus.heard = dict.fromkeys(others, NOW) | {"dead": NOW - 11 * SECOND}
    await seat.go_on()
    assert ("dead" in seat.bus.swept()) is sweeps
    if sweeps:
        (first, *_) = [c for c in seat.bus.calls if c.script in SWEEP and c.arguments[1] == "dead"]
        # Until when (servers' clocks may be a little apart), and when they left.
        assert first.arguments[2:] == [NOW - SECOND // 10, NOW - 11 * SECOND]
        assert seat.bus.swept().count("dead") == 4
        await seat.go_on(2.0)
        assert seat.bus.swept().count("dead") == 4


async def test_a_dead_gateway_is_taken_off_the_list_a_while_after_it_was_swept(seat: Seat) -> None:
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    for _ in range(24):
        await seat.go_on(2.0)
        assert "dead" in seat.bus.heard
    for _ in range(3):
        await seat.go_on(2.0)
    assert "dead" not in seat.bus.heard


async def test_one_that_died_again_is_swept_again(seat: Seat) -> None:
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    await seat.go_on()
    seat.bus.heard["dead"] = NOW
    await seat.go_on(2.0)
    assert seat.bus.swept().count("dead") == 4
    for _ in range(5):
        await seat.go_on(2.0)
    assert seat.bus.swept().count("dead") == 8


async def test_a_gateway_that_stops_sends_that_all_left_and_then_that_it_did(seat: Seat) -> None:
    seat.chargers.connect("c1", 0, 5)
    seat.widgets.connect("w1", 1)
    await seat.go_on()
    seat.bus.calls.clear()
    await seat.presence.leave()
    assert seat.bus.sent() == [("c1", 5, 0), ("w1", 0, 0)]
    assert seat.bus.commanded == [("ZREM", GATEWAYS, "gateway-b")]


async def test_one_that_cannot_send_that_stops_all_the_same(seat: Seat) -> None:
    await seat.go_on()
    seat.chargers.connect("c1", 0, 5)
    seat.bus.failure = BusUnavailableError("away")
    await seat.presence.leave()
    assert seat.bus.commanded == []


async def test_one_whose_updates_come_late_leaves_the_rest_to_the_others(seat: Seat) -> None:
    await seat.go_on()
    seat.chargers.connect("c1", 0, 5)
    seat.bus.answer = lambda _id: b"late"
    await asyncio.wait_for(seat.presence.leave(), 5)
    assert seat.bus.commanded == []
