"""Which partitions are looked at in which turn, and what of it counts as found."""

from typing import Any

import pytest

from services.router import scripts
from services.router.audit import Audit
from shared.bus.script import Call
from shared.contract.names import Names
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.fake_bus import FakeBus

NAMES = Names(64)


class AuditBus(FakeBus):
    def answer_call(self, call: Call) -> Any:
        assert call.script is scripts.MARK_SOME_PENDING
        return [b"17", 3]

    def take(self) -> list[Call]:
        taken, self.calls = self.calls, []
        return taken


@pytest.fixture
def bus() -> AuditBus:
    return AuditBus()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit(bus: AuditBus, clock: Clock) -> Audit:
    return Audit(bus, NAMES, clock)


async def test_each_partition_has_its_turn_within_ten_seconds_and_goes_on_where_it_was(
    bus: AuditBus, audit: Audit, clock: Clock
) -> None:
    await audit.mark_some(range(64))
    assert bus.take() == []  # all was marked when the partitions were taken
    cursors: dict[str, list[object]] = {}
    for _ in range(40):
        clock.now += 10.0 if not cursors else 0.5
        await audit.mark_some(range(64))
        await audit.mark_some(range(64))  # a look that something else was the reason for
        calls = bus.take()
        assert 3 <= len(calls) <= 4
        for call in calls:
            cursors.setdefault(call.keys[0], []).append(call.arguments[0])
    assert set(cursors) == {names.live for names in NAMES.chargers}
    assert all(found == [b"0", b"17"] for found in cursors.values())


async def test_what_it_marked_is_not_counted_as_lost(
    bus: AuditBus, audit: Audit, clock: Clock
) -> None:
    clock.now += 100.0
    await audit.mark_some([1])
    assert len(bus.take()) == 1
    assert audit.found_by_itself(1, 2) == 0
    assert audit.found_by_itself(1, 2) == 1
    assert audit.found_by_itself(0, 2) == 2
