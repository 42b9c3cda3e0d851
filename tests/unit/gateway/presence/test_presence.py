"""When a gateway sends its heartbeat, and that it leaves."""

import asyncio

import pytest

from services.gateway import scripts
from shared.bus.bus import BusUnavailableError
from shared.contract.names import GATEWAYS
from tests.unit.gateway.presence.seat import Seat


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


async def test_a_gateway_that_stops_sends_that_all_left_and_then_that_it_did(seat: Seat) -> None:
    seat.chargers.connect("c1", 0, 5)
    seat.widgets.connect("w1", 1)
    await seat.go_on()
    seat.bus.calls.clear()
    await seat.presence.leave()
    assert seat.bus.sent() == [("c1", 5, 0), ("w1", 0, 0)]
    assert seat.bus.commanded == [("ZREM", GATEWAYS, "gateway-b")]


async def test_one_that_stops_sends_again_what_came_too_late(seat: Seat) -> None:
    seat.chargers.connect("c1", 0, 5)
    await seat.go_on()
    answers = [b"late", b"noted"]
    seat.bus.answer = lambda _id: answers.pop(0)
    await seat.presence.leave()
    assert answers == []
    assert seat.bus.commanded == [("ZREM", GATEWAYS, "gateway-b")]


@pytest.mark.parametrize("failure", [BusUnavailableError("away"), None], ids=["away", "late"])
async def test_one_that_cannot_send_that_leaves_the_rest_to_the_others(
    seat: Seat, failure: Exception | None
) -> None:
    await seat.go_on()
    seat.chargers.connect("c1", 0, 5)
    seat.bus.failure = failure
    seat.bus.answer = lambda _id: b"late"
    await asyncio.wait_for(seat.presence.leave(), 30)
    assert seat.bus.commanded == []
