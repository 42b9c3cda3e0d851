"""A charger whose last reading may be of the present pairing or not must say its level again."""

import pytest
from websockets.frames import Opcode

from services.gateway.known_pairing import KnownPairing
from shared.contract.device_protocol import SAY_AGAIN, CloseCode
from tests.unit.gateway.chargers.charger_booth import Booth, FakeCharger
from tests.unit.gateway.fake_device import reading_of

OLD = KnownPairing(7, "7-aaaa", 3600.0)
NEW = KnownPairing(8, "8-bbbb", 0.0)


@pytest.fixture
async def charger(booth: Booth) -> FakeCharger:
    """A charger that is paired, and has an epoch."""
    booth.bus.pairing = OLD
    charger = booth.charger(read=OLD)
    await booth.write()
    return charger


async def hand_over(booth: Booth, age: float = 0.0) -> None:
    booth.bus.pairing = NEW._replace(age=age)
    await booth.reconcile()


async def test_a_reading_between_pairing_and_pong_is_asked_for_again(
    booth: Booth, charger: FakeCharger
) -> None:
    await hand_over(booth)
    charger.report(70)
    charger.pong()
    booth.let_time_pass(1.9)
    assert charger.close_code is None
    booth.let_time_pass(0.3)
    assert charger.close_code == CloseCode.GOING_AWAY
    assert charger.got(Opcode.CLOSE) == [b"\x03\xe9" + SAY_AGAIN.encode()]


async def test_one_that_says_its_level_by_itself_is_not_asked(
    booth: Booth, charger: FakeCharger
) -> None:
    await hand_over(booth)
    charger.report(70)
    charger.pong()
    booth.let_time_pass(1.9)
    charger.report(70)
    booth.let_time_pass(5)
    assert charger.close_code is None


async def test_without_a_pong_it_is_asked_after_three_seconds(
    booth: Booth, charger: FakeCharger
) -> None:
    await hand_over(booth)
    charger.report(70)
    booth.let_time_pass(2.9)
    charger.report(71)
    assert charger.close_code is None
    booth.let_time_pass(0.3)
    assert charger.close_code == CloseCode.GOING_AWAY


async def test_an_empty_charger_is_never_asked(booth: Booth, charger: FakeCharger) -> None:
    # It would repeat the last visitor's level.
    charger.report(70)
    booth.let_time_pass(1)
    await hand_over(booth)
    booth.let_time_pass(20)
    assert charger.close_code is None


async def test_one_that_never_said_anything_is_not_asked(
    booth: Booth, charger: FakeCharger
) -> None:
    await hand_over(booth)
    booth.let_time_pass(20)
    assert charger.close_code is None


@pytest.mark.parametrize(("age", "asked"), [(5.0, True), (0.85, True), (0.7, False)])
async def test_a_reading_that_came_since_the_pairing_began_is_asked_for_again(
    booth: Booth, charger: FakeCharger, *, age: float, asked: bool
) -> None:
    charger.report(70)
    booth.let_time_pass(1)
    await hand_over(booth, age)
    charger.pong()
    booth.let_time_pass(2.3)
    assert (charger.close_code == CloseCode.GOING_AWAY) is asked


async def test_redis_may_have_told_it_long_before_the_answer_came(
    booth: Booth, charger: FakeCharger
) -> None:
    charger.report(70)
    await booth.write()
    booth.bus.pairing = NEW

    def slowly(_id: str) -> bytes:
        booth.clock.now += 3
        return b"kept"

    booth.bus.reconcile = slowly
    await booth.reconcile()
    charger.pong()
    booth.let_time_pass(2.3)
    assert charger.close_code == CloseCode.GOING_AWAY


async def test_an_unmarked_reading_that_lights_nothing_is_asked_for_again(booth: Booth) -> None:
    booth.bus.pairing = NEW
    charger = booth.charger(early=reading_of(70))
    await booth.write()
    charger.pong()
    booth.let_time_pass(2.3)
    assert charger.close_code == CloseCode.GOING_AWAY


async def test_one_that_is_not_paired_is_not_asked(booth: Booth, charger: FakeCharger) -> None:
    await hand_over(booth)
    charger.report(70)
    booth.bus.pairing = KnownPairing(9, "")
    await booth.reconcile()
    booth.let_time_pass(20)
    assert charger.close_code is None
    booth.charger("c2", early=reading_of(70))
    await booth.write()
    assert not charger.connection.is_uncertain


async def test_what_was_said_before_another_hand_over_is_not_asked_for(
    booth: Booth, charger: FakeCharger
) -> None:
    await hand_over(booth)
    charger.report(70)
    booth.let_time_pass(1)
    booth.bus.pairing = KnownPairing(9, "9-cccc", 0.0)
    await booth.reconcile()
    charger.pong()
    booth.let_time_pass(20)
    assert charger.close_code is None


async def test_two_hundred_a_second_are_asked_those_first_that_wait_the_longest(
    booth: Booth,
) -> None:
    booth.bus.pairing = NEW
    chargers = [booth.charger(f"c{n}", early=reading_of(70)) for n in range(150)]
    await booth.write()
    for one in chargers:
        one.pong()
    later = booth.charger("later", early=reading_of(70))
    booth.let_time_pass(0.5)
    await booth.write()
    later.pong()
    chargers[0].report(70)
    booth.let_time_pass(1.9)
    asked = [one.close_code is not None for one in chargers]
    assert 60 <= sum(asked) <= 100
    booth.let_time_pass(0.6)
    assert all(one.close_code for one in chargers[1:])
    assert chargers[0].close_code is None
    booth.let_time_pass(0.3)
    assert later.close_code


async def test_one_that_left_is_forgotten(booth: Booth, charger: FakeCharger) -> None:
    await hand_over(booth)
    charger.report(70)
    charger.vanish()
    await booth.write()
    booth.let_time_pass(5)
    assert not booth.chargers._uncertain._since
