"""Devices of dead gateways are turned offline, by one gateway, a few tags at a time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shared.bus.script import Call
from tests.unit.gateway.presence.seat import NAMES, NOW, SECOND, SWEEP, Seat


async def watch(seat: Seat, *alive: str) -> None:
    """Let so much time pass that a gateway whose heartbeat stays the same is dead."""
    for _ in range(7):
        for name in alive:
            seat.bus.heard[name] = seat.bus.now
        await seat.go_on(2.0)


async def test_a_tag_that_could_not_be_swept_is_swept_when_it_is_mended(seat: Seat) -> None:
    seat.bus.broken = {NAMES.widgets[1].presence}
    seat.bus.heard = {"dead": NOW - 11 * SECOND, "dead too": NOW - 12 * SECOND}
    await watch(seat)
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
    await watch(seat)
    for _ in range(3):
        seat.bus.calls.clear()
        await seat.go_on(2.0)
        assert sorted(map(str, seat.bus.swept())) == ["dead", "gateway-b"]
        assert len(seat.bus.sent()) == 1


async def test_of_a_gateway_that_came_back_nothing_is_left_to_sweep(seat: Seat) -> None:
    seat.bus.broken = {NAMES.widgets[1].presence}
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    await watch(seat)
    seat.bus.heard["dead"] = seat.bus.now + 2 * SECOND
    seat.bus.calls.clear()
    await seat.go_on(2.0)
    assert "dead" not in seat.bus.swept()


async def test_a_sweep_never_keeps_redis_for_many_tags_at_once(seat: Seat) -> None:
    asked: list[int] = []
    really_run = seat.bus.run

    async def run(calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        asked.append(sum(call.script in SWEEP for call in calls))
        return await really_run(calls, return_errors=return_errors)

    seat.bus.run = run  # type: ignore[method-assign]
    await seat.go_on()
    assert max(asked) <= 2
    assert sum(asked) == 4


async def test_one_that_stops_does_not_wait_for_a_broken_tag(seat: Seat) -> None:
    seat.bus.broken = {NAMES.chargers[0].presence}
    seat.chargers.connect("c1", 0, 5)
    seat.chargers.connect("c2", 1, 5)
    await seat.go_on()
    await asyncio.wait_for(seat.presence.leave(), 30)
    assert ("c2", 5, 0) in seat.bus.sent()
    assert seat.bus.commanded == []  # the others finish it


@pytest.mark.parametrize(("others", "sweeps"), [(["gateway-c"], True), (["gateway-a"], False)])
async def test_one_gateway_sweeps_up_after_a_dead_one(
    seat: Seat, others: list[str], *, sweeps: bool
) -> None:
    seat.bus.heard = dict.fromkeys(others, NOW) | {"dead": NOW - 11 * SECOND}
    await watch(seat, *others)
    assert ("dead" in seat.bus.swept()) is sweeps
    if sweeps:
        (first, *_) = [c for c in seat.bus.calls if c.script in SWEEP and c.arguments[1] == "dead"]
        # Until when (servers' clocks may be a little apart), and when they left.
        until, left = first.arguments[2:]
        assert NOW + 10 * SECOND < int(until) < seat.bus.now
        assert left == NOW - 11 * SECOND
        assert seat.bus.swept().count("dead") == 4
        await seat.go_on(2.0)
        assert seat.bus.swept().count("dead") == 4


async def test_a_dead_gateway_is_taken_off_the_list_a_while_after_it_was_swept(seat: Seat) -> None:
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    for _ in range(24):
        await seat.go_on(2.0)
        assert "dead" in seat.bus.heard
    for _ in range(9):
        await seat.go_on(2.0)
    assert "dead" not in seat.bus.heard


async def test_one_that_died_again_is_swept_again(seat: Seat) -> None:
    seat.bus.heard = {"dead": NOW - 11 * SECOND}
    await watch(seat)
    seat.bus.heard["dead"] = NOW
    await seat.go_on(2.0)
    assert seat.bus.swept().count("dead") == 4
    await watch(seat)
    assert seat.bus.swept().count("dead") == 8
