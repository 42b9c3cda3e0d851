"""Rejections are noted cheaply, in bounded memory, and written in batches."""

import itertools
import json
from typing import Any

import pytest
from redis.exceptions import ResponseError
from websockets.frames import Opcode

from services.gateway.presence.rejections import Rejections, RejectionWriter
from services.gateway.widgets.widget_connection import widget_endpoint
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from shared.contract.device_protocol import ErrorCode
from shared.contract.names import Names
from shared.contract.presence import RejectionCode
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    close_of,
    context_of,
    frame_of,
    head_of,
)
from tests.unit.gateway.test_drain import Nobody
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay

NAMES = Names(1)
SILENT, TOO_BIG = RejectionCode.SILENT, RejectionCode.TOO_BIG


class RejectionBus(FakeBus):
    """Takes all, but for broken keys."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()

    def answer_call(self, call: Call) -> Any:
        return ResponseError("reject: WRONGTYPE") if self.broken.intersection(call.keys) else 1

    def written(self) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for call in self.calls:
            if self.broken.intersection(call.keys):
                continue
            for i in range(1, len(call.arguments), 4):
                device_id, age, code, message = call.arguments[i : i + 4]
                assert isinstance(code, bytes)
                assert isinstance(message, bytes)
                found.append((device_id, age, json.loads(code), message.decode()))
        return found


@pytest.fixture
def bus() -> RejectionBus:
    return RejectionBus()


@pytest.fixture
def rejections(clock: Clock) -> Rejections:
    return Rejections(clock, most=3)


@pytest.fixture
def writer(bus: RejectionBus, rejections: Rejections, clock: Clock) -> RejectionWriter:
    return RejectionWriter(bus, NAMES, rejections, "gateway-a", rng=NoDelay(), clock=clock)


async def test_the_newest_of_each_device_is_written_once(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter, clock: Clock
) -> None:
    rejections.of_charger("x1", SILENT, "first")
    clock.now += 1
    rejections.of_charger("x1", TOO_BIG, 'say "please"')
    rejections.of_widget("x1", SILENT, "another kind")
    clock.now += 0.5
    await writer.write_all()
    assert bus.written() == [
        ("x1", 500_000, "too_big", '"say \\"please\\""'),
        ("x1", 500_000, "silent", '"another kind"'),
    ]
    assert [call.keys[2] for call in bus.calls] == [
        NAMES.chargers[0].rejections,
        NAMES.widgets[0].rejections,
    ]
    bus.calls.clear()
    await writer.write_all()
    assert bus.calls == []


async def test_what_could_not_be_written_is_kept_unless_there_is_a_newer_one(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter
) -> None:
    bus.away = True
    rejections.of_charger("c1", SILENT, "old")
    rejections.of_charger("c2", SILENT, "old")
    with pytest.raises(BusUnavailableError):
        await writer.write_all()
    rejections.of_charger("c1", TOO_BIG, "new")
    bus.away = False
    await writer.write_all()
    assert sorted((str(item[0]), item[3]) for item in bus.written()) == [
        ("c1", '"new"'),
        ("c2", '"old"'),
    ]


async def test_invented_ids_do_not_fill_the_memory(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter
) -> None:
    for number in range(100):
        rejections.of_charger(f"c{number}", SILENT, "one of many")
    rejections.of_charger("c1", TOO_BIG, "of one that is kept")
    rejections.of_widget("w1", SILENT, "of the other kind")
    await writer.write_all()
    assert len(bus.written()) == 4
    assert ("c1", 0, "too_big", '"of one that is kept"') in bus.written()


def _noted_of(clock: Clock, *frames: bytes) -> list[RejectionCode]:
    rejections = Rejections()
    device = FakeDevice(context_of(clock), widget_endpoint(Nobody(), rejections))
    device.send(head_of("/widgets/w1"))
    for frame in frames:
        device.send(frame)
    assert not rejections.chargers
    return [noted.code for noted in rejections.widgets.values()]


def test_what_the_library_closes_a_connection_for_is_noted(clock: Clock) -> None:
    too_big = frame_of(Opcode.TEXT, b"x" * 2000)
    unmasked = b"\x81\x01x"
    assert _noted_of(clock, too_big) == [RejectionCode.TOO_BIG]
    assert _noted_of(clock, unmasked) == [RejectionCode.PROTOCOL_ERROR]
    assert _noted_of(clock, *[frame_of(Opcode.TEXT, b"x")] * 21) == [
        RejectionCode.TOO_MANY_BAD_FRAMES
    ]


def test_a_device_that_closes_by_itself_was_not_rejected(clock: Clock) -> None:
    assert _noted_of(clock, close_of(1009)) == []


def test_every_code_of_an_error_event_is_one_of_a_rejection() -> None:
    for code in ErrorCode:
        assert RejectionCode(code).value == code.value


async def test_what_redis_refuses_to_take_is_not_kept(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter
) -> None:
    bus.broken = {NAMES.chargers[0].rejections}
    rejections.of_charger("c1", SILENT, "old")
    await writer.write_all()
    bus.broken = set()
    bus.calls.clear()
    await writer.write_all()
    assert bus.calls == []


async def test_what_piles_up_while_redis_is_away_is_bounded(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter
) -> None:
    async def reach() -> None:
        # Others are refused while this is under way.
        for device_id in itertools.islice(devices, 3):
            rejections.of_charger(device_id, SILENT, "new")
        raise BusUnavailableError("away")

    devices = (f"c{number}" for number in itertools.count())
    bus.reach = reach  # type: ignore[method-assign]
    rejections.of_charger("c", SILENT, "first")
    for _ in range(5):
        with pytest.raises(BusUnavailableError):
            await writer.write_all()
        assert len(rejections.chargers) == 3


async def test_of_several_tags_one_broken_key_keeps_no_other_from_being_written(
    bus: RejectionBus, rejections: Rejections, writer: RejectionWriter
) -> None:
    bus.broken = {NAMES.chargers[0].rejections}
    rejections.of_charger("c1", SILENT, "lost")
    rejections.of_widget("w1", SILENT, "written")
    await writer.write_all()
    assert [item[0] for item in bus.written()] == ["w1"]
    assert not rejections.chargers
