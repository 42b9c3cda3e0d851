"""Which pairing a reading belongs to: what was sent after a ping, or after the 101, is later."""

import pytest
from websockets.frames import Opcode

from services.gateway.connection import rate_limited_reader
from services.gateway.known_pairing import KnownPairing, read_pairing
from tests.unit.gateway.chargers.charger_booth import EPOCH, REDIS_NOW, Booth, FakeCharger
from tests.unit.gateway.fake_device import Clock, frame_of, reading_of

OLD = KnownPairing(7, "7-aaaa", 3600.0)
NEW = KnownPairing(8, "8-bbbb", 0.0)
NEWER = KnownPairing(9, "9-cccc", 0.0)
UNPAIRED = KnownPairing(8, "")
MESSAGE = b'{"event":"StateOfCharge","data":{"soc":71}}'


@pytest.fixture
async def charger(booth: Booth) -> FakeCharger:
    """A charger that is paired, and has an epoch."""
    return await connected(booth)


async def connected(booth: Booth) -> FakeCharger:
    booth.bus.pairing = OLD
    charger = booth.charger(read=OLD)
    await booth.write()
    return charger


async def stored_mark(booth: Booth) -> object:
    """The mark that the last reading is stored with."""
    await booth.write()
    return booth.bus.stored()[-1][4]


async def learn(booth: Booth, pairing: KnownPairing) -> None:
    booth.bus.pairing = pairing
    await booth.reconcile()


async def test_after_the_101_readings_have_the_mark_that_was_read_before_it(
    booth: Booth, charger: FakeCharger
) -> None:
    charger.report(70)
    assert await stored_mark(booth) == OLD.mark
    assert charger.pings == []


async def test_what_came_with_the_head_may_be_older_than_the_pairing_that_was_read(
    booth: Booth,
) -> None:
    booth.bus.pairing = NEW
    charger = booth.charger(read=NEW, early=reading_of(70))
    assert await stored_mark(booth) == ""
    charger.pong()
    charger.report(71)
    assert await stored_mark(booth) == NEW.mark


async def test_what_lies_in_the_socket_at_the_101_may_be_older_too(
    booth: Booth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limited_reader, "unread_bytes", lambda _socket: 1)
    booth.bus.pairing = NEW
    charger = booth.charger(read=NEW)
    charger.report(70)
    assert await stored_mark(booth) == ""
    charger.pong()
    charger.report(71)
    assert await stored_mark(booth) == NEW.mark


async def test_a_reading_has_a_new_pairings_mark_only_after_the_pong(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, NEW)
    (ping,) = charger.pings
    charger.report(70)
    assert await stored_mark(booth) == OLD.mark
    charger.pong(ping)
    charger.report(71)
    assert await stored_mark(booth) == NEW.mark


async def test_a_reading_keeps_its_mark_when_it_is_stored_again(
    booth: Booth, charger: FakeCharger
) -> None:
    charger.report(70)
    await booth.write()
    await learn(booth, NEW)
    charger.pong()
    booth.bus.reconcile = lambda _id: b"missing"
    await booth.reconcile()
    assert await stored_mark(booth) == OLD.mark
    assert len(booth.bus.stored()) == 2


@pytest.mark.parametrize("payload", [b"", b"mark 0", b"mark 2", b"mark", b"1", b"mark 1 "])
async def test_any_other_pong_is_only_a_sign_of_life(
    booth: Booth, charger: FakeCharger, payload: bytes
) -> None:
    await learn(booth, NEW)
    charger.pong(payload)
    charger.report(70)
    assert await stored_mark(booth) == OLD.mark


async def test_a_pong_that_nobody_asked_for_marks_nothing(booth: Booth) -> None:
    booth.bus.pairing = NEW
    charger = booth.charger()
    charger.pong(b"mark 0")
    charger.report(70)
    assert await stored_mark(booth) == ""


async def test_of_two_changes_in_one_round_trip_the_first_pong_marks_nothing(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, NEW)
    await learn(booth, NEWER)
    first, second = charger.pings
    charger.pong(first)
    charger.report(70)
    assert await stored_mark(booth) == OLD.mark
    charger.pong(second)
    charger.report(71)
    assert await stored_mark(booth) == NEWER.mark


async def test_a_pairing_is_learned_once(booth: Booth, charger: FakeCharger) -> None:
    await learn(booth, NEW)
    await booth.reconcile()
    assert len(charger.pings) == 1


async def test_a_lower_number_changes_nothing(booth: Booth) -> None:
    booth.bus.pairing = NEWER
    charger = booth.charger(read=NEWER)
    await booth.write()
    await learn(booth, OLD)
    charger.report(70)
    assert await stored_mark(booth) == NEWER.mark
    assert charger.pings == []


async def test_a_number_that_was_drawn_again_is_another_pairing(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, KnownPairing(OLD.number, "7-dddd", 0.0))
    assert len(charger.pings) == 1


async def test_one_that_is_not_paired_needs_no_ping(booth: Booth, charger: FakeCharger) -> None:
    await learn(booth, UNPAIRED)
    charger.report(70)
    assert await stored_mark(booth) == ""
    assert charger.pings == []


async def test_pings_carry_the_count_until_its_pong_came(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, NEW)
    booth.let_time_pass(13)
    charger.send(frame_of(Opcode.TEXT, b"{}"))
    booth.let_time_pass(13)
    first, *others = charger.pings
    assert others == [first, first]
    charger.pong(first)
    booth.let_time_pass(13)
    assert charger.pings[3:] == [b""]


async def test_a_proof_of_life_is_a_mark_too(booth: Booth, clock: Clock) -> None:
    booth.bus.pairing = NEW
    charger = booth.charger(read=OLD)
    clock.now += 1
    await booth.write()
    charger.pong()
    await booth.write()
    charger.pong()
    charger.report(70)
    assert await stored_mark(booth) == NEW.mark


async def test_a_message_has_the_mark_of_its_first_frame(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, NEW)
    charger.send(frame_of(Opcode.TEXT, MESSAGE[:5], fin=False))
    charger.pong()
    charger.send(frame_of(Opcode.CONT, MESSAGE[5:]))
    assert await stored_mark(booth) == OLD.mark
    charger.report(72)
    assert await stored_mark(booth) == NEW.mark


async def test_a_bad_message_in_pieces_leaves_no_mark_behind(
    booth: Booth, charger: FakeCharger
) -> None:
    await learn(booth, NEW)
    charger.send(frame_of(Opcode.TEXT, b"{", fin=False) + frame_of(Opcode.CONT, b"}"))
    charger.pong()
    charger.report(72)
    assert await stored_mark(booth) == NEW.mark


@pytest.mark.parametrize(("age", "lights"), [(9.9, False), (10.1, True)])
async def test_an_unmarked_reading_is_of_a_pairing_that_is_much_older(
    booth: Booth, *, age: float, lights: bool
) -> None:
    booth.bus.pairing = OLD._replace(age=age)
    booth.charger(early=reading_of(70))
    assert await stored_mark(booth) == (OLD.mark if lights else "")


async def test_a_pairing_may_have_begun_as_late_as_the_answer_came(
    booth: Booth, clock: Clock
) -> None:
    booth.bus.pairing = OLD._replace(age=11.0)

    def slowly(_id: str) -> bytes:
        clock.now += 3
        return b"%d" % EPOCH

    booth.bus.admit = slowly
    booth.charger(early=reading_of(70))
    assert await stored_mark(booth) == ""


async def test_an_unmarked_reading_that_waited_for_the_directory_is_as_old_as_it_is(
    booth: Booth,
) -> None:
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    booth.let_time_pass(20)
    booth.bus.pairing = OLD._replace(age=25.0)
    booth.bus.admit = lambda _id: b"%d" % EPOCH
    booth.chargers.on_directory_change(0, [])
    await booth.write()
    charger.pong()  # it has been silent for long
    assert await stored_mark(booth) == ""


async def test_what_a_stalled_process_reads_may_have_come_at_any_time_since(
    booth: Booth, clock: Clock
) -> None:
    booth.bus.pairing = OLD._replace(age=10.5)
    charger = booth.charger()
    booth.let_time_pass(0.5)
    charger.pong(b"")
    clock.now += 60
    booth.context.wheel.advance()  # it may come first
    charger.report(70)
    charger.pong(b"")
    booth.bus.pairing = OLD._replace(age=50.0)
    await booth.write()
    charger.pong()
    assert await stored_mark(booth) == ""


async def test_what_lies_behind_a_pause_may_have_come_at_any_time_since(
    booth: Booth, clock: Clock
) -> None:
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.on_the_way = frame_of(Opcode.PING, bytes(100)) * 400 + reading_of(70)
    charger.arrive()
    assert charger.connection.sequence == 0
    for _ in range(100):
        booth.let_time_pass(0.1)
        charger.arrive()
    assert charger.connection.sequence == 1
    assert charger.connection._arrived_at <= 1000.0
    charger.report(71)
    assert charger.connection._arrived_at > clock.now - 3


async def test_one_that_connects_sends_and_leaves_counts(booth: Booth) -> None:
    booth.bus.pairing = OLD
    charger = booth.charger(early=reading_of(70))
    charger.vanish()
    assert await stored_mark(booth) == OLD.mark
    charger = booth.charger("c2", read=OLD)
    charger.report(70)
    charger.vanish()
    assert await stored_mark(booth) == OLD.mark


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_was_set_does_not_make_a_pairing_old(booth: Booth, hours: int) -> None:
    booth.bus.pairing = OLD
    booth.charger("c0", read=OLD)
    await booth.write()
    booth.bus.now = REDIS_NOW + hours * 3_600_000_000
    booth.bus.pairing = NEW._replace(age=3601.0)
    booth.charger(early=reading_of(70))
    assert await stored_mark(booth) == ""


def test_a_script_may_tell_nothing() -> None:
    assert read_pairing([]) is None
    assert read_pairing([b"7", b"7-aaaa", b"1500000"]) == KnownPairing(7, "7-aaaa", 1.5)
