"""Who gets an epoch: those that are there, registered, in the order they connected."""

import pytest
from websockets.frames import Opcode

from services.gateway import scripts
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.chargers.charger_booth import EPOCH, REDIS_NOW, Booth
from tests.unit.gateway.fake_device import Clock, frame_of


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
    chargers = []
    for _ in range(10):
        chargers.append(booth.charger())
        clock.now += 0.01
    epochs = iter(range(EPOCH, EPOCH + 10))
    booth.bus.admit = lambda _id: b"%d" % next(epochs)
    await booth.write()
    order = [charger.connection.epoch for charger in chargers]
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


async def test_after_a_late_answer_the_clock_is_measured_again(booth: Booth, clock: Clock) -> None:
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
    last_data = "services.gateway.connection.rate_limited_reader.seconds_since_last_data"
    monkeypatch.setattr(last_data, lambda _: 1.5)
    charger = booth.charger()
    await booth.write()
    assert charger.connection.epoch is None
    (proof,) = charger.got(Opcode.PING)
    charger.send(frame_of(Opcode.PONG, proof))
    await booth.write()
    assert charger.connection.epoch is None
    monkeypatch.setattr(last_data, lambda _: 0.0)
    clock.now += 1
    charger.send(frame_of(Opcode.PONG, charger.got(Opcode.PING)[-1]))
    await booth.write()
    assert charger.connection.epoch == EPOCH


async def test_one_that_left_without_a_reading_draws_no_epoch(booth: Booth) -> None:
    booth.charger().vanish()
    await booth.write()
    assert booth.bus.calls == []


async def test_one_that_sent_a_reading_and_left_at_once_counts(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", "")]


async def test_an_unregistered_charger_is_closed(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"unregistered"
    charger = booth.charger()
    await booth.write()
    assert charger.close_code == CloseCode.NOT_REGISTERED


async def test_after_redis_was_away_no_charger_is_turned_away_for_a_while(
    booth: Booth, clock: Clock
) -> None:
    # What came back may be old, and not know who was registered last.
    known = booth.charger("known")
    await booth.write()
    booth.trust.distrust_missing_entries()
    booth.bus.admit = booth.bus.store = booth.bus.reconcile = lambda _id: b"unregistered"
    known.report(70)
    newcomer = booth.charger("newcomer")
    await booth.write()
    await booth.reconcile()
    assert known.close_code is None
    assert newcomer.close_code is None
    assert newcomer.connection in booth.context.waiting

    clock.now += 5
    booth.trust.restore()
    await booth.reconcile()
    await booth.write()
    newcomer.send(frame_of(Opcode.PONG, *newcomer.got(Opcode.PING)))
    await booth.write()
    assert known.close_code == CloseCode.NOT_REGISTERED
    assert newcomer.close_code == CloseCode.NOT_REGISTERED


@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("changed", [["c1"], [], None])
async def test_one_in_doubt_is_admitted_once_the_directory_knows_it(
    booth: Booth, *, leaves: bool, changed: list[str] | None
) -> None:
    booth.trust.distrust_missing_entries()
    booth.bus.admit = lambda _id: b"unregistered"
    charger = booth.charger()
    charger.report(70)
    if leaves:
        charger.vanish()
    await booth.write()
    assert booth.bus.stored() == []
    booth.bus.admit = lambda _id: b"%d" % EPOCH
    if changed is None:
        booth.trust.restore()
    else:
        booth.chargers.on_directory_change(0, changed)
    await booth.write()
    assert charger.connection.epoch == EPOCH
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", "")]


async def test_at_the_end_of_a_doubt_only_those_without_an_epoch_are_looked_at(
    booth: Booth,
) -> None:
    booth.charger("known")
    await booth.write()
    booth.trust.distrust_missing_entries()
    booth.bus.admit = lambda _id: b"unregistered"
    newcomer = booth.charger("newcomer")
    await booth.write()
    booth.bus.calls.clear()
    booth.trust.restore()
    await booth.write()
    assert [call.arguments[1] for call in booth.bus.calls] == ["newcomer"]
    assert newcomer.close_code == CloseCode.NOT_REGISTERED


async def test_while_the_directory_is_not_there_a_charger_waits(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"a")
    await booth.write()
    assert booth.context.waiting == {charger.connection}
    assert charger.close_code is None
    assert charger.got(Opcode.PONG) == []

    booth.bus.admit = lambda _id: b"%d" % EPOCH
    booth.chargers.on_directory_change(0, [])
    await booth.write()
    assert not booth.context.waiting
    assert [item[3] for item in booth.bus.stored()] == ["70"]
    assert charger.got(Opcode.PONG) == [b"a"]


async def test_one_that_left_does_not_wait_for_the_directory_for_ever(booth: Booth) -> None:
    # Each would count against those that may wait, until nobody may any more.
    booth.bus.admit = lambda _id: b"absent"
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.context.waiting == set()


async def test_one_that_seemed_late_because_the_clock_was_set_gets_its_epoch_at_once(
    booth: Booth,
) -> None:
    booth.charger("c0")
    await booth.write()
    answers = [b"late", b"%d" % EPOCH]
    booth.bus.admit = lambda _id: answers.pop(0)
    charger = booth.charger()
    await booth.write()
    assert charger.connection.epoch == EPOCH
    assert charger.pings == []
    assert booth.bus.times_asked == 2
