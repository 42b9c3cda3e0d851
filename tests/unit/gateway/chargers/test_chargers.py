"""All chargers of a gateway: who gets an epoch, what is stored, what each answer does.

Redis is a script of answers here; what the Lua scripts do is tested with a real one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any

import pytest
from websockets.frames import Opcode

from services.gateway import scripts
from services.gateway.chargers import chargers
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.chargers import Chargers
from services.gateway.chargers.stored_fingerprints import claim_of
from shared.bus.batches import ITEMS_PER_CALL
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Call
from shared.contract.device_protocol import CloseCode
from shared.contract.names import Names, partition_of
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    frame_of,
    gate_of,
    head_of,
    reading_of,
)
from tests.unit.shared.no_delay import NoDelay

NAMES = Names(1)
TWO_PARTITIONS = Names(2)
REDIS_NOW = 1_700_000_000_000_000
EPOCH = REDIS_NOW + 5


class FakeBus(Bus):
    """Answers each script call as the test says, and keeps the calls."""

    def __init__(self) -> None:
        super().__init__("redis://unused", "unused")
        self.admit: Callable[[str], bytes] = lambda _id: b"%d" % EPOCH
        self.store: Callable[[str], bytes] = lambda _id: b"stored"
        self.hold: Callable[[str], bytes] = lambda _id: b"kept"
        self.away = False
        self.times_asked = 0
        self.calls: list[Call] = []

    async def command(self, *words: Any) -> Any:
        assert words == ("TIME",)
        self._check()
        self.times_asked += 1
        return [b"%d" % (REDIS_NOW // 1_000_000), b"0"]

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        self._check()
        self.calls += calls
        return [self._answers(call) for call in calls]

    def _check(self) -> None:
        if self.away:
            raise BusUnavailableError("away")

    def _answers(self, call: Call) -> list[Any]:
        words = [str(word) for word in call.arguments]
        if call.script is scripts.ADMIT:
            return [b"%d" % REDIS_NOW, *map(self.admit, words[1::3])]
        if call.script is scripts.STORE:
            return [*map(self.store, words[1::6])]
        return self._held(words[::2])

    def _held(self, ids: list[str]) -> list[Any]:
        answers = ((place, self.hold(device_id)) for place, device_id in enumerate(ids))
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
        self.bus = FakeBus()
        self.gate = gate_of(clock)
        self.chargers = Chargers(self.bus, NAMES, self.gate, NoDelay())

    def charger(self, device_id: str = "c1") -> "FakeCharger":
        return FakeCharger(self, device_id)

    async def write(self) -> None:
        """Let everything be written that can be."""
        await self._run(self.chargers.write())

    async def hold(self) -> None:
        """Let everything be compared once."""
        await self._run(self.chargers.hold())

    def held(self) -> list[list[object]]:
        """Return ids and claims of each call that compared."""
        return [list(call.arguments) for call in self.bus.calls if call.script is scripts.RECONCILE]

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        working = asyncio.create_task(work)
        for _ in range(20):  # each round is a handful of steps of the loop
            await asyncio.sleep(0)
        if working.done():
            await working
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


class FakeCharger(FakeDevice):
    """A charger at this booth whose handshake is done."""

    connection: ChargerConnection

    def __init__(self, booth: Booth, device_id: str) -> None:
        super().__init__(ChargerConnection(booth.gate, booth.chargers, NAMES.partitions))
        self.send(head_of(f"/chargers/{device_id}"))

    def report(self, level: object) -> None:
        self.send(reading_of(level))


@pytest.fixture
def booth(clock: Clock) -> Booth:
    return Booth(clock)


async def test_a_charger_gets_its_epoch_and_its_reading_is_stored(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"a")
    await booth.write()
    assert charger.connection.epoch == EPOCH
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", 0)]
    assert charger.got(Opcode.PONG) == [b"a"]
    assert booth.chargers.all_stored


async def test_of_several_readings_only_the_newest_is_stored(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    for level in (70, 71, 72):
        charger.report(level)
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 3, "72", 0)]


async def test_a_reading_that_came_while_one_was_stored_is_stored_next(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    charger.report(70)

    def another_meanwhile(_id: str) -> bytes:
        assert charger.got(Opcode.PONG) == []  # no receipt before this one is answered
        if charger.connection.sequence == 1:
            charger.report(71)
            charger.ping(b"after 71")
        return b"stored"

    booth.bus.store = another_meanwhile
    await booth.write()
    assert [item[2:4] for item in booth.bus.stored()] == [(1, "70"), (2, "71")]
    assert charger.got(Opcode.PONG) == [b"after 71"]


async def test_a_reading_says_when_it_came_by_the_clock_of_redis(
    booth: Booth, clock: Clock
) -> None:
    charger = booth.charger()
    await booth.write()
    clock.now += 2
    charger.report(70)
    clock.now += 3600  # Redis was away that long
    await booth.write()
    (store,) = [call for call in booth.bus.calls if call.script is scripts.STORE]
    assert store.arguments[5] == REDIS_NOW + 2_000_000


async def test_a_connection_that_waited_over_a_second_is_pinged_first(
    booth: Booth, clock: Clock
) -> None:
    charger = booth.charger()
    clock.now += 1.0
    await booth.write()
    assert charger.connection.epoch is None
    assert booth.bus.calls == []
    (proof,) = charger.got(Opcode.PING)
    clock.now += 5
    charger.send(frame_of(Opcode.PONG, proof))
    await booth.write()
    assert charger.connection.epoch == EPOCH


async def test_one_that_redis_heard_of_too_late_is_pinged_too(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"late"
    charger = booth.charger()
    await booth.write()
    assert charger.connection.epoch is None
    assert len(charger.got(Opcode.PING)) == 1


async def test_the_newest_connection_of_a_charger_draws_its_epoch_last(
    booth: Booth, clock: Clock
) -> None:
    for _ in range(10):
        booth.charger()
        clock.now += 0.01
    epochs = iter(range(EPOCH, EPOCH + 10))
    booth.bus.admit = lambda _id: b"%d" % next(epochs)
    await booth.write()
    connections = sorted(booth.gate.connections, key=lambda c: c.opened_at)
    order = [getattr(connection, "epoch", 0) for connection in connections]
    assert order == list(range(EPOCH, EPOCH + 10))


async def test_a_request_says_until_when_it_holds_and_since_when_one_is_gone(
    booth: Booth, clock: Clock
) -> None:
    gone, here = booth.charger("gone"), booth.charger("here")
    gone.report(70)
    gone.vanish()
    clock.now += 0.25
    await booth.write()
    # Redis' clock was measured now, a quarter of a second after both connected.
    deadline, since = REDIS_NOW + 750_000, REDIS_NOW - 250_000
    (admit,) = [call for call in booth.bus.calls if call.script is scripts.ADMIT]
    words = admit.arguments[1:]
    asked = {words[i]: words[i + 1 : i + 3] for i in range(0, len(words), 3)}
    assert asked == {"gone": [deadline, since], "here": [deadline, 0]}
    assert here.connection.epoch == EPOCH


async def test_one_that_left_before_a_newer_one_came_changes_nothing(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"superseded"
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.bus.stored() == []
    assert booth.chargers.all_stored


async def test_a_late_answer_has_the_clock_measured_anew(booth: Booth, clock: Clock) -> None:
    booth.bus.admit = lambda _id: b"late"
    booth.charger()
    await booth.write()
    asked = booth.bus.times_asked
    booth.charger("c2")
    clock.now += 0.5
    await booth.write()
    assert booth.bus.times_asked == asked + 1


async def test_what_lay_in_the_kernel_is_no_sign_of_life(
    booth: Booth, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process stood still: the handshake that it reads now is from long ago.
    monkeypatch.setattr(
        "services.gateway.connection.rate_limited_reader.seconds_since_last_data", lambda _: 1.5
    )
    charger = booth.charger()
    await booth.write()
    assert charger.connection.epoch is None
    (proof,) = charger.got(Opcode.PING)
    charger.send(frame_of(Opcode.PONG, proof))
    await booth.write()
    assert charger.connection.epoch is None
    monkeypatch.setattr(
        "services.gateway.connection.rate_limited_reader.seconds_since_last_data", lambda _: 0.0
    )
    clock.now += 1
    charger.send(frame_of(Opcode.PONG, charger.got(Opcode.PING)[-1]))
    await booth.write()
    assert charger.connection.epoch == EPOCH


async def test_one_that_left_without_a_word_draws_no_epoch(booth: Booth) -> None:
    booth.charger().vanish()
    await booth.write()
    assert booth.bus.calls == []


async def test_one_that_said_something_and_left_at_once_counts(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", 0)]


async def test_an_unregistered_charger_is_closed(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"unregistered"
    charger = booth.charger()
    await booth.write()
    assert charger.close_code == CloseCode.NOT_REGISTERED


async def test_after_redis_was_away_nobody_is_turned_away_for_a_while(
    booth: Booth, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What came back may be old, and not know who was registered last.
    monkeypatch.setattr(chargers, "_RETRY_SECONDS", 0)
    known = booth.charger("known")
    await booth.write()
    booth.gate.distrust_missing_entries()
    booth.bus.admit = booth.bus.store = booth.bus.hold = lambda _id: b"unregistered"
    known.report(70)
    newcomer = booth.charger("newcomer")
    await booth.write()
    await booth.hold()
    assert known.close_code is None
    assert newcomer.close_code is None
    assert newcomer.connection in booth.gate.waiting

    clock.now += 5
    await booth.hold()
    await booth.write()
    newcomer.send(frame_of(Opcode.PONG, *newcomer.got(Opcode.PING)))
    await booth.write()
    assert known.close_code == CloseCode.NOT_REGISTERED
    assert newcomer.close_code == CloseCode.NOT_REGISTERED


async def test_one_that_an_old_directory_does_not_know_is_admitted_once_it_is_new(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chargers, "_RETRY_SECONDS", 0)
    booth.gate.distrust_missing_entries()
    booth.bus.admit = lambda _id: b"unregistered"
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.bus.admit = lambda _id: b"%d" % EPOCH
    await booth.write()
    assert charger.connection.epoch == EPOCH
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", 0)]


async def test_while_the_directory_is_not_there_a_charger_waits(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"a")
    await booth.write()
    assert booth.gate.waiting == {charger.connection}
    assert charger.close_code is None
    assert charger.got(Opcode.PONG) == []

    booth.bus.admit = lambda _id: b"%d" % EPOCH
    booth.chargers.changed(0, [])
    await booth.write()
    assert not booth.gate.waiting
    assert [item[3] for item in booth.bus.stored()] == ["70"]
    assert charger.got(Opcode.PONG) == [b"a"]


async def test_one_that_left_does_not_wait_for_the_directory_for_ever(booth: Booth) -> None:
    # Each would count against those that may wait, until nobody may any more.
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.gate.waiting == set()


@pytest.mark.parametrize("answer", [b"stored", b"superseded", b"unregistered", b"absent"])
async def test_a_receipt_is_given_for_what_is_stored_only(booth: Booth, answer: bytes) -> None:
    booth.bus.store = lambda _id: answer
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"a")
    await booth.write()
    assert (charger.got(Opcode.PONG) == [b"a"]) is (answer == b"stored")
    assert charger.close_code == {
        b"superseded": CloseCode.SUPERSEDED,
        b"unregistered": CloseCode.NOT_REGISTERED,
    }.get(answer)


async def test_a_reading_the_script_refused_as_superseded_closes(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.store = lambda _id: b"superseded"
    charger.report(70)
    await booth.write()
    assert charger.close_code == CloseCode.SUPERSEDED


async def test_an_older_connection_is_not_closed_out_of_the_blue(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.bus.hold = lambda _id: b"superseded"
    await booth.hold()
    assert charger.connection.superseded
    assert charger.close_code is None
    charger.report(71)
    assert charger.close_code == CloseCode.SUPERSEDED


async def test_a_redis_that_is_away_keeps_the_reading_and_the_pong(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.away = True
    charger.report(70)
    charger.report(71)
    charger.ping(b"a")
    await booth.write()
    assert charger.got(Opcode.PONG) == []
    assert charger.close_code is None
    assert not booth.chargers.all_stored
    booth.bus.away = False
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 2, "71", 0)]
    assert charger.got(Opcode.PONG) == [b"a"]


async def test_a_redis_that_is_away_keeps_newcomers_waiting_for_their_epoch(
    booth: Booth,
) -> None:
    booth.bus.away = True
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    assert not booth.chargers.all_stored
    booth.bus.away = False
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", 0)]


async def test_what_redis_lost_is_stored_again_and_marked_so(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.bus.hold = lambda _id: b"missing"
    await booth.hold()
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", 0), ("c1", EPOCH, 1, "70", 1)]


async def test_what_was_asserted_again_and_is_superseded_closes_nobody(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.bus.hold = lambda _id: b"missing"
    booth.bus.store = lambda _id: b"superseded"
    await booth.hold()
    await booth.write()
    assert charger.connection.superseded
    assert charger.close_code is None


async def test_a_superseded_one_asserts_nothing_but_hears_of_its_unregistering(
    booth: Booth,
) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.bus.hold = lambda _id: b"superseded"
    await booth.hold()
    assert charger.connection.superseded
    booth.bus.hold = lambda _id: b"unregistered"
    await booth.hold()
    assert booth.held() == [["c1", claim_of(EPOCH, 1)], ["c1", claim_of(0, 0)]]
    assert charger.close_code == CloseCode.NOT_REGISTERED


async def test_only_those_that_changed_are_compared_at_once(booth: Booth) -> None:
    for device_id in ("c1", "c2", "c3"):
        booth.charger(device_id)
    await booth.write()
    await booth.hold()  # all of them, by turn
    holding = asyncio.create_task(booth.chargers.hold())
    await asyncio.sleep(0)
    booth.bus.calls.clear()
    booth.clock.now -= 1  # its next turn is not now
    booth.chargers.changed(0, ["c2"])
    for _ in range(20):
        await asyncio.sleep(0)
    holding.cancel()
    assert booth.held() == [["c2", claim_of(EPOCH, 0)]]


async def test_nothing_counts_as_stored_while_it_is_on_its_way(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    assert not booth.chargers.all_stored  # a drain waits for its epoch, too
    seen: list[bool] = []

    def while_storing(_id: str) -> bytes:
        seen.append(booth.chargers.all_stored)
        return b"stored"

    booth.bus.store = while_storing
    await booth.write()
    assert seen == [False]
    assert booth.chargers.all_stored


async def test_epochs_are_held_of_connections_without_a_reading_too(booth: Booth) -> None:
    booth.charger()
    await booth.write()
    await booth.hold()
    assert booth.held() == [["c1", claim_of(EPOCH, 0)]]


async def test_what_is_held_follows_what_is_said(booth: Booth) -> None:
    charger = booth.charger()
    for level in (70, 71, 72):
        charger.report(level)
        await booth.write()
        await booth.hold()
    assert booth.held() == [["c1", claim_of(EPOCH, sequence)] for sequence in (1, 2, 3)]


async def test_what_was_not_stored_is_held_too(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    charger.report(70)
    booth.bus.store = lambda _id: b"absent"  # the directory was not there
    await booth.write()
    await booth.hold()
    assert booth.held() == [["c1", claim_of(EPOCH, 1)]]


async def test_one_that_left_is_held_no_more(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    charger.vanish()
    await booth.hold()
    assert booth.held() == []


async def test_one_that_left_before_its_epoch_came_is_not_held(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert len(booth.bus.stored()) == 1
    await booth.hold()
    assert booth.held() == []


async def test_many_are_held_in_several_calls(booth: Booth) -> None:
    many = ITEMS_PER_CALL + 1
    for number in range(many):
        booth.charger(f"c{number}")
    await booth.write()
    await booth.hold()
    held = booth.held()
    assert [len(words) // 2 for words in held] == [ITEMS_PER_CALL, 1]
    assert len({words[at] for words in held for at in range(0, len(words), 2)}) == many


async def test_one_that_is_closing_is_held_no_more(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    charger.connection.close(CloseCode.GOING_AWAY, "the gateway stops")
    await booth.hold()
    booth.chargers.changed(0, ["c1"])
    await booth.hold()
    assert booth.held() == []


@pytest.mark.parametrize(
    ("answer", "stored"), [(b"missing", 2), (b"superseded", 1), (b"unregistered", 1)]
)
async def test_of_one_that_closes_meanwhile_only_the_reading_counts(
    booth: Booth, answer: bytes, stored: int
) -> None:
    charger = booth.charger()
    charger.report(70)
    await booth.write()

    def close_meanwhile(_id: str) -> bytes:
        charger.connection.close(CloseCode.GOING_AWAY, "the gateway stops")
        return answer

    booth.bus.hold = close_meanwhile
    await booth.hold()
    await booth.write()
    assert len(booth.bus.stored()) == stored
    assert not charger.connection.superseded
    assert charger.close_code == CloseCode.GOING_AWAY


async def test_a_superseded_one_does_not_have_its_neighbours_packed_anew(booth: Booth) -> None:
    for device_id in ("c1", "c2"):
        booth.charger(device_id)
    await booth.write()
    booth.bus.hold = lambda device_id: b"superseded" if device_id == "c1" else b"kept"
    for _ in range(2):
        await booth.hold()
    packed = booth.chargers._claims.of_partition(0)
    await booth.hold()
    assert booth.chargers._claims.of_partition(0) is packed


async def test_an_unregistering_is_noticed_while_holding(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.hold = lambda _id: b"unregistered"
    await booth.hold()
    assert charger.close_code == CloseCode.NOT_REGISTERED


async def test_an_answer_that_no_script_gives_is_a_bug(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    booth.bus.store = lambda _id: b"maybe"
    with pytest.raises(AssertionError, match="unknown answer"):
        await booth.write()


class TwoServers(FakeBus):
    """The partitions of a cluster, of which a server is away."""

    def __init__(self) -> None:
        super().__init__()
        self.away_at: set[object] = set()

    def server_of(self, key: str) -> Hashable:
        tag = TWO_PARTITIONS.chargers[0].live.removesuffix("live")
        return "first" if key.startswith(tag) else "second"

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        # As a cluster does it: what went to the others was done all the same.
        answers = [
            []
            if self.server_of(call.keys[0]) in self.away_at
            else (await FakeBus.run(self, [call]))[0]
            for call in calls
        ]
        if [] in answers:
            raise BusUnavailableError("one of them is away")
        return answers


async def test_while_a_server_is_away_chargers_of_the_others_get_their_receipts(
    clock: Clock,
) -> None:
    booth = Booth(clock)
    booth.bus = bus = TwoServers()
    booth.chargers = Chargers(bus, TWO_PARTITIONS, booth.gate, NoDelay())
    here, there = (
        next(i for i in map(str, range(99)) if partition_of(i, 2) == partition)
        for partition in (0, 1)
    )
    devices = []
    for device_id in (here, there):
        device = FakeDevice(ChargerConnection(booth.gate, booth.chargers, 2))
        device.send(head_of(f"/chargers/{device_id}"))
        devices.append(device)
    await booth.write()
    bus.away_at = {"second"}
    for device in devices:
        device.send(reading_of(70))
        device.ping(b"stored?")
    await booth.write()
    assert [b"stored?" in device.got(Opcode.PONG) for device in devices] == [True, False]
    bus.away_at = set()
    await booth.write()
    assert [b"stored?" in device.got(Opcode.PONG) for device in devices] == [True, True]
