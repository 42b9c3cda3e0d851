"""Only the newest connection of a charger counts."""

import pytest
from websockets.frames import Opcode

from services.gateway.chargers.stored_fingerprints import fingerprint
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.chargers.charger_booth import EPOCH, Booth, FakeCharger
from tests.unit.gateway.fake_device import frame_of

SHARED = "charger shared_id unknown /chargers/c1"


async def test_one_that_left_before_a_newer_one_came_changes_nothing(booth: Booth) -> None:
    booth.bus.admit = lambda _id: b"superseded"
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert booth.bus.stored() == []
    assert booth.chargers.all_stored


async def test_a_reading_the_script_refused_as_superseded_closes(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.store = lambda _id: b"superseded"
    charger.report(70)
    await booth.write()
    assert charger.close_code == CloseCode.SUPERSEDED


async def test_an_older_connection_is_not_closed_out_of_the_blue(
    booth: Booth, charger: FakeCharger
) -> None:
    booth.bus.reconcile = lambda _id: b"superseded"
    await booth.reconcile()
    assert charger.connection.superseded
    assert charger.close_code is None
    charger.report(71)
    assert charger.close_code == CloseCode.SUPERSEDED


async def test_what_was_asserted_again_and_is_superseded_closes_no_connection(
    booth: Booth, charger: FakeCharger
) -> None:
    booth.bus.reconcile = lambda _id: b"missing"
    booth.bus.store = lambda _id: b"superseded"
    await booth.reconcile()
    await booth.write()
    assert charger.connection.superseded
    assert charger.close_code is None


async def test_a_superseded_one_asserts_nothing_but_is_closed_when_it_is_unregistered(
    booth: Booth,
    charger: FakeCharger,
) -> None:
    booth.bus.reconcile = lambda _id: b"superseded"
    await booth.reconcile()
    assert charger.connection.superseded
    booth.bus.reconcile = lambda _id: b"unregistered"
    await booth.reconcile()
    assert booth.compared() == [["c1", fingerprint(EPOCH, 1)], ["c1", fingerprint(0, 0)]]
    assert charger.close_code == CloseCode.NOT_REGISTERED


async def test_a_superseded_one_does_not_have_its_neighbours_packed_again(booth: Booth) -> None:
    for device_id in ("c1", "c2"):
        booth.charger(device_id)
    await booth.write()
    booth.bus.reconcile = lambda device_id: b"superseded" if device_id == "c1" else b"kept"
    for _ in range(2):
        await booth.reconcile()
    packed = booth.chargers._fingerprints.of_partition(0)
    await booth.reconcile()
    assert booth.chargers._fingerprints.of_partition(0) is packed


async def superseded_by(booth: Booth, script: str) -> FakeCharger:
    """Return a charger whose connection a newer one has superseded, as a script found."""
    charger = booth.charger()
    await booth.write()
    setattr(booth.bus, script, lambda _id: b"superseded")
    if script == "store":
        charger.report(70)
    await booth.write()
    await booth.reconcile()
    assert charger.connection.superseded
    return charger


@pytest.mark.parametrize("script", ["store", "reconcile"])
async def test_a_superseded_device_that_still_answers_is_one_of_two(
    booth: Booth, script: str
) -> None:
    charger = await superseded_by(booth, script)
    (ping,) = [payload for payload in charger.got(Opcode.PING) if payload]
    pong = frame_of(Opcode.PONG, ping)
    charger.send(frame_of(Opcode.PONG) + pong + pong)
    assert list(booth.rejections.refused.take()) == [SHARED]


@pytest.mark.parametrize("script", ["store", "reconcile"])
async def test_what_a_dead_connection_still_sends_is_not_a_second_device(
    booth: Booth, script: str
) -> None:
    charger = await superseded_by(booth, script)
    charger.report(30)
    charger.send(frame_of(Opcode.PONG) + frame_of(Opcode.PONG, b"mark 1"))
    charger.vanish()
    assert booth.rejections.refused.take() == {}


async def test_a_device_that_is_not_superseded_is_not_one_of_two_whatever_it_sends(
    booth: Booth,
) -> None:
    charger = booth.charger()
    await booth.write()
    charger.send(frame_of(Opcode.PONG, b"superseded"))
    assert booth.rejections.refused.take() == {}
