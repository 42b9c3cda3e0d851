"""What is stored, and what each answer does."""

import pytest
from websockets.frames import Opcode

from services.gateway import metrics, scripts
from shared.contract.device_protocol import CloseCode
from tests.fixtures.observations import observing
from tests.unit.gateway.chargers.charger_booth import EPOCH, REDIS_NOW, Booth
from tests.unit.gateway.fake_device import Clock


async def test_of_several_readings_only_the_newest_is_stored(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    for level in (70, 71, 72):
        charger.report(level)
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 3, "72", "")]


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


async def test_a_reading_says_how_long_ago_it_came(booth: Booth, clock: Clock) -> None:
    charger = booth.charger()
    await booth.write()
    clock.now += 2
    charger.report(70)
    clock.now += 3600  # Redis was away that long
    await booth.write()
    (store,) = [call for call in booth.bus.calls if call.script is scripts.STORE]
    assert store.arguments[6] == 3600 * 1_000_000


async def test_how_long_storing_took_is_measured_of_what_was_stored(
    booth: Booth, clock: Clock
) -> None:
    charger = booth.charger()
    await booth.write()
    charger.report(70)
    clock.now += 3
    with observing(metrics.STORE_SECONDS) as stored:
        await booth.write()
    assert (stored.count, stored.total) == (1, 3.0)
    clock.now += 7200
    booth.chargers.on_reading(charger.connection)  # an emptied Redis: it is stored again
    with observing(metrics.STORE_SECONDS) as again:
        await booth.write()
    assert again.count == 0
    booth.bus.store = lambda _id: b"superseded"
    charger.report(71)
    with observing(metrics.STORE_SECONDS) as refused:
        await booth.write()
    assert refused.count == 0


async def test_what_waits_to_be_stored_is_counted_and_since_when(
    booth: Booth, clock: Clock
) -> None:
    charger = booth.charger()
    await booth.write()
    assert (booth.chargers.unstored, booth.chargers.unstored_seconds) == (0, 0)
    booth.bus.away = True
    for _ in range(3):
        charger.report(70)  # the newest reading is always young
        await booth.write()
        clock.now += 2
    assert booth.chargers.unstored == 1
    assert booth.chargers.unstored_seconds == 6.0
    booth.bus.away = False
    await booth.write()
    assert (booth.chargers.unstored, booth.chargers.unstored_seconds) == (0, 0)


async def test_a_reading_is_dated_by_redis_clock_as_soon_as_that_is_known(
    booth: Booth, clock: Clock
) -> None:
    charger = booth.charger()
    await booth.write()  # admitting it measures the clock
    clock.now += 2
    charger.report(70)
    await booth.write()
    for on_reconnected in booth.bus.reconnected:
        on_reconnected()  # it may be another server
    charger.report(71)
    await booth.write()
    sent = [call.arguments[1] for call in booth.bus.calls if call.script is scripts.STORE]
    assert sent == [REDIS_NOW + 2_000_000, 0]


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


async def test_an_answer_that_no_script_gives_is_a_bug(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    booth.bus.store = lambda _id: b"maybe"
    with pytest.raises(AssertionError, match="unknown answer"):
        await booth.write()
