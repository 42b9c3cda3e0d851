"""What is compared with Redis, and when."""

import asyncio

import pytest

from services.gateway.chargers.stored_fingerprints import fingerprint
from shared.bus.batches import ITEMS_PER_CALL
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.chargers.charger_booth import EPOCH, Booth, FakeCharger


@pytest.mark.usefixtures("charger")
async def test_what_redis_lost_is_stored_again_and_marked_so(booth: Booth) -> None:
    booth.bus.reconcile = lambda _id: b"missing"
    await booth.reconcile()
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", ""), ("c1", EPOCH, 1, "70", "")]


async def test_only_those_that_changed_are_compared_at_once(booth: Booth) -> None:
    for device_id in ("c1", "c2", "c3"):
        booth.charger(device_id)
    await booth.write()
    await booth.reconcile()  # all of them, by turn
    reconciling = asyncio.create_task(booth.chargers.reconcile())
    await asyncio.sleep(0)
    booth.bus.calls.clear()
    booth.clock.now -= 1  # its next turn is not now
    booth.chargers.on_directory_change(0, ["c2"])
    for _ in range(20):
        await asyncio.sleep(0)
    reconciling.cancel()
    assert booth.compared() == [["c2", fingerprint(EPOCH, 0)]]


async def test_epochs_of_connections_without_a_reading_are_compared_too(booth: Booth) -> None:
    booth.charger()
    await booth.write()
    await booth.reconcile()
    assert booth.compared() == [["c1", fingerprint(EPOCH, 0)]]


async def test_what_is_compared_follows_what_is_sent(booth: Booth) -> None:
    charger = booth.charger()
    for level in (70, 71, 72):
        charger.report(level)
        await booth.write()
        await booth.reconcile()
    assert booth.compared() == [["c1", fingerprint(EPOCH, sequence)] for sequence in (1, 2, 3)]


async def test_what_was_not_stored_is_compared_too(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    charger.report(70)
    booth.bus.store = lambda _id: b"absent"  # the directory was not there
    await booth.write()
    await booth.reconcile()
    assert booth.compared() == [["c1", fingerprint(EPOCH, 1)]]


async def test_one_that_left_is_not_compared(booth: Booth, charger: FakeCharger) -> None:
    charger.vanish()
    await booth.reconcile()
    assert booth.compared() == []


async def test_one_that_left_before_its_epoch_came_is_not_compared(booth: Booth) -> None:
    charger = booth.charger()
    charger.report(70)
    charger.vanish()
    await booth.write()
    assert len(booth.bus.stored()) == 1
    await booth.reconcile()
    assert booth.compared() == []


async def test_many_are_compared_in_several_calls(booth: Booth) -> None:
    many = ITEMS_PER_CALL + 1
    for number in range(many):
        booth.charger(f"c{number}")
    await booth.write()
    await booth.reconcile()
    calls = booth.compared()
    assert [len(words) // 2 for words in calls] == [ITEMS_PER_CALL, 1]
    assert len({words[at] for words in calls for at in range(0, len(words), 2)}) == many


async def test_one_that_is_closing_is_not_compared(booth: Booth, charger: FakeCharger) -> None:
    charger.connection.close(CloseCode.GOING_AWAY, "the gateway stops")
    await booth.reconcile()
    booth.chargers.on_directory_change(0, ["c1"])
    await booth.reconcile()
    assert booth.compared() == []


@pytest.mark.parametrize(
    ("answer", "stored"), [(b"missing", 2), (b"superseded", 1), (b"unregistered", 1)]
)
async def test_of_one_that_closes_meanwhile_only_the_reading_counts(
    booth: Booth, charger: FakeCharger, answer: bytes, stored: int
) -> None:

    def close_meanwhile(_id: str) -> bytes:
        charger.connection.close(CloseCode.GOING_AWAY, "the gateway stops")
        return answer

    booth.bus.reconcile = close_meanwhile
    await booth.reconcile()
    await booth.write()
    assert len(booth.bus.stored()) == stored
    assert not charger.connection.superseded
    assert charger.close_code == CloseCode.GOING_AWAY


async def test_reconciling_notices_an_unregistered_charger(booth: Booth) -> None:
    charger = booth.charger()
    await booth.write()
    booth.bus.reconcile = lambda _id: b"unregistered"
    await booth.reconcile()
    assert charger.close_code == CloseCode.NOT_REGISTERED
