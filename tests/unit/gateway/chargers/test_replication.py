"""A reading is acknowledged once enough replicas have it, and stored all the same before."""

import pytest
from websockets.frames import Opcode

from services.gateway.chargers import replication as module
from services.gateway.chargers.replication import Replication
from tests.unit.gateway.chargers.charger_booth import EPOCH, Booth, FakeCharger
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.running import let_work


@pytest.fixture
def booth(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Booth:
    """A gateway that waits for two replicas."""
    for pause in ("_PAUSE_SECONDS", "_COLLECT_SECONDS"):
        monkeypatch.setattr(module, pause, 0)
    return Booth(clock, wait_replicas=2)


@pytest.fixture
async def charger(booth: Booth) -> FakeCharger:
    """A charger that asks whether its reading of 70 is stored, which it is."""
    charger = booth.charger()
    charger.report(70)
    charger.ping(b"stored?")
    await booth.write()
    assert booth.bus.stored() == [("c1", EPOCH, 1, "70", "")]
    return charger


def replication_of(booth: Booth) -> Replication:
    assert booth.chargers.replication is not None
    return booth.chargers.replication


async def wait(booth: Booth, steps: int = 20) -> None:
    """Let all receipts be given that can be."""
    await let_work(replication_of(booth).acknowledge(), steps)


async def test_what_is_stored_and_not_at_enough_replicas_has_no_receipt(
    booth: Booth, charger: FakeCharger, clock: Clock
) -> None:
    booth.bus.replicas = 1
    await wait(booth)
    clock.now += 3
    assert charger.got(Opcode.PONG) == []
    assert charger.close_code is None
    assert not booth.chargers.all_stored
    assert (booth.chargers.unstored, booth.chargers.unstored_seconds) == (1, 3.0)


async def test_its_receipt_comes_when_they_have_it_and_it_is_stored_once(
    booth: Booth, charger: FakeCharger
) -> None:
    await wait(booth)
    booth.bus.replicas = 2
    await wait(booth)
    assert charger.got(Opcode.PONG) == [b"stored?"]
    assert booth.chargers.all_stored
    assert replication_of(booth).lacking_since is None
    assert (booth.chargers.unstored, booth.chargers.unstored_seconds) == (0, 0)
    await booth.write()
    assert len(booth.bus.stored()) == 1


async def test_one_wait_is_for_all_readings_before_it(booth: Booth) -> None:
    booth.bus.replicas = 2
    chargers = [booth.charger(f"c{number}") for number in range(9)]
    await booth.write()
    for charger in chargers:
        charger.report(70)
        charger.ping(b"stored?")
    await booth.write()
    await wait(booth)
    assert [charger.got(Opcode.PONG) for charger in chargers] == [[b"stored?"]] * 9
    assert booth.bus.times_waited == 1


async def test_what_is_stored_while_replicas_are_waited_for_is_not_among_what_they_have(
    booth: Booth, charger: FakeCharger
) -> None:
    counts = iter([2])

    async def replicas(_enough: int, _seconds: float) -> int:
        count = next(counts, 0)
        if count:
            charger.report(71)
            charger.ping(b"this one, too?")
            await booth.write()
        return count

    booth.bus.writes.replicas = replicas  # type: ignore[method-assign]
    await wait(booth, 60)
    assert [item[3] for item in booth.bus.stored()] == ["70", "71"]
    assert charger.got(Opcode.PONG) == [b"stored?"]


async def test_what_a_lost_connection_wrote_is_stored_again(
    booth: Booth, charger: FakeCharger
) -> None:
    booth.bus.replicas = 2
    booth.bus.lose_connection()
    await wait(booth)
    assert charger.got(Opcode.PONG) == []
    await booth.write()
    assert [item[:4] for item in booth.bus.stored()] == [("c1", EPOCH, 1, "70")] * 2
    await wait(booth)
    assert charger.got(Opcode.PONG) == [b"stored?"]


async def test_a_connection_that_is_lost_while_storing_wrote_nothing_for_certain(
    booth: Booth,
) -> None:
    booth.bus.replicas = 2
    charger = booth.charger()
    await booth.write()

    def reconnecting(_id: str) -> bytes:
        booth.bus.lose_connection()
        return b"stored"

    booth.bus.store = reconnecting
    charger.report(70)
    charger.ping(b"stored?")
    await booth.write()
    await wait(booth)
    assert charger.got(Opcode.PONG) == []


@pytest.mark.usefixtures("charger")
async def test_replicas_that_lack_readings_are_told_of_until_they_have_them(
    booth: Booth, clock: Clock
) -> None:
    await wait(booth)
    since = replication_of(booth).lacking_since
    clock.now += 5
    await wait(booth)
    assert replication_of(booth).lacking_since == since == clock.now - 5
    booth.bus.lose_connection()  # it is not known whether the next one has replicas
    await wait(booth)
    assert replication_of(booth).lacking_since is None
