"""When it is sent which devices connected and which left, and what is sent again."""

import pytest

from shared.bus.bus import BusUnavailableError
from tests.unit.gateway.presence.seat import NAMES, SECOND, SWEEP, UPDATE, Seat


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


async def test_after_a_lost_connection_everything_is_sent_again(seat: Seat) -> None:
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    seat.bus.calls.clear()
    for callback in seat.bus.reconnected:
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
