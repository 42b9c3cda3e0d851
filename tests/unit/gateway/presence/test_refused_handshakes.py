"""Refused handshakes are noted cheaply, in bounded memory, and written in one call a second."""

import pytest
from redis.exceptions import ResponseError

from services.gateway.presence.refused_handshakes import RefusedHandshakes, RefusedWriter
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import REFUSED
from shared.contract.presence import RefusalReason
from tests.unit.gateway.fake_device import Clock
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay


class RefusedBus(FakeBus):
    """Takes all, unless the key is broken."""

    broken = False

    def answer_call(self, call: Call) -> object:
        assert call.keys == (REFUSED,)
        return ResponseError("WRONGTYPE") if self.broken else 0

    def written(self) -> list[tuple[object, ...]]:
        return [
            tuple(call.arguments[i : i + 3])
            for call in self.calls
            for i in range(2, len(call.arguments), 3)
        ]


@pytest.fixture
def bus() -> RefusedBus:
    return RefusedBus()


@pytest.fixture
def refused(clock: Clock) -> RefusedHandshakes:
    return RefusedHandshakes(clock)


@pytest.fixture
def writer(bus: RefusedBus, refused: RefusedHandshakes) -> RefusedWriter:
    return RefusedWriter(bus, refused, "gateway-a", NoDelay())


def note(refused: RefusedHandshakes, path: str = "/charger/c1") -> None:
    refused.note(Kind.CHARGER, RefusalReason.WRONG_PATH, "10.0.0.7", path)


ITEM = "charger wrong_path 10.0.0.7 /charger/c1"


async def test_the_same_device_is_counted_not_listed_twice(
    bus: RefusedBus, refused: RefusedHandshakes, writer: RefusedWriter, clock: Clock
) -> None:
    await writer.write_all()
    assert bus.calls == []
    note(refused)
    clock.now += 2
    note(refused)
    refused.note(Kind.WIDGET, RefusalReason.TLS, "::1", "")
    clock.now += 0.5
    await writer.write_all()
    await writer.write_all()
    assert bus.written() == [(ITEM, 2, 500_000), ("widget tls ::1 ", 1, 500_000)]


async def test_a_flood_is_one_call_of_bounded_size(
    bus: RefusedBus, refused: RefusedHandshakes, writer: RefusedWriter
) -> None:
    for number in range(10_000):
        note(refused, f"/x/{number}")
    note(refused, "/x/0")
    await writer.write_all()
    assert len(bus.calls) == 1
    assert len(bus.written()) == 50
    assert bus.written()[0][1] == 2


async def test_what_could_not_be_written_is_kept_with_what_came_since(
    bus: RefusedBus, refused: RefusedHandshakes, writer: RefusedWriter, clock: Clock
) -> None:
    note(refused)
    bus.away = True
    with pytest.raises(BusUnavailableError):
        await writer.write_all()
    clock.now += 3
    note(refused)
    bus.away = False
    bus.calls.clear()
    await writer.write_all()
    assert bus.written() == [(ITEM, 2, 0)]


async def test_a_broken_key_stops_nothing(
    bus: RefusedBus, refused: RefusedHandshakes, writer: RefusedWriter
) -> None:
    bus.broken = True
    note(refused)
    await writer.write_all()
    bus.broken = False
    bus.calls.clear()
    await writer.write_all()
    assert bus.written() == []
