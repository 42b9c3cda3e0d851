"""All widgets of a gateway: subscribe, then read, then only what is newer.

Redis is a script of answers here; what the Lua script does is tested with a real one.
"""

from typing import Any

import msgspec
import pytest
from websockets.frames import Opcode

from services.gateway import scripts
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.rejections import Rejections
from services.gateway.widgets.status_traces import StatusTraces
from services.gateway.widgets.widget_connection import (
    WidgetConnection,
    status_message,
    widget_endpoint,
)
from services.gateway.widgets.widgets import Widgets
from shared.bus.script import Call, Script
from shared.contract.device_protocol import ChargingStatus, CloseCode
from shared.contract.doorbells import StatusData, StatusDoorbell, encode_status
from shared.contract.names import Names
from tests.fixtures.trace_receiver import receiving, tracing_to
from tests.unit.gateway.fake_device import Clock, FakeDevice, context_of, head_of
from tests.unit.shared.fake_bus import FakeBus, FakeSubscriber
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import let_work

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED
NAMES = Names(1)
CHANNEL = NAMES.widgets[0].status_channel("w1")


def doorbell(
    light: ChargingStatus,
    revision: int,
    pairing: int = 7,
    replaces: int | None = None,
    *,
    thresholds: int = 1,
    received_at: int | None = None,
    traceparent: object = msgspec.UNSET,
) -> bytes:
    return encode_status(
        StatusDoorbell(
            data=StatusData(light),
            widget="w1",
            charger="c1",
            pairing=pairing,
            revision=(1, revision),
            thresholds=thresholds,
            replaces=(1, replaces) if replaces else msgspec.UNSET,
            received_at=msgspec.UNSET if received_at is None else received_at,
            traceparent=traceparent,
        )
    )


class StatusBus(FakeBus):
    """Answers for the script `read_status`."""

    def __init__(self) -> None:
        super().__init__()
        self.registration = b"7"
        self.status = b""
        self.charger = b""
        """Which charger's reading must be routed again."""

    @property
    def asked(self) -> list[list[object]]:
        return self._arguments_of(scripts.READ_STATUS)

    @property
    def marked(self) -> list[list[object]]:
        """The chargers that were marked pending."""
        return self._arguments_of(scripts.MARK_PENDING)

    def _arguments_of(self, script: Script) -> list[list[object]]:
        return [list(call.arguments) for call in self.calls if call.script is script]

    def answer_call(self, call: Call) -> Any:
        if call.script is scripts.MARK_PENDING:
            return 1
        return [self.registration, self.status, self.charger] * len(call.arguments)


class Booth:
    """A gateway's widgets, with Redis as a fake."""

    def __init__(self, clock: Clock) -> None:
        self.bus = StatusBus()
        self.subscriber = FakeSubscriber()
        self.context = context_of(clock)
        self.trust = DirectoryTrust()
        self.widgets = Widgets(
            self.bus,
            self.subscriber,
            NAMES,
            self.context,
            devices=ConnectedDevices(),
            trust=self.trust,
            rng=NoDelay(),
        )

    def widget(self, device_id: str = "w1") -> "FakeWidget":
        return FakeWidget(self, device_id)

    def confirm(self) -> None:
        """Have Redis confirm all that is wanted."""
        self.subscriber.confirm()

    async def read(self) -> None:
        """Let everything be read that can be."""
        await let_work(self.widgets.read())


class FakeWidget(FakeDevice):
    """A widget at this booth whose handshake is done."""

    connection: WidgetConnection

    def __init__(self, booth: Booth, device_id: str) -> None:
        super().__init__(booth.context, widget_endpoint(booth.widgets, Rejections()))
        self.send(head_of(f"/widgets/{device_id}"))

    @property
    def shown(self) -> list[bytes]:
        return self.got(Opcode.TEXT)


@pytest.fixture
def booth(clock: Clock) -> Booth:
    return Booth(clock)


@pytest.fixture
async def widget(booth: Booth) -> FakeWidget:
    """A widget that is subscribed and read, and dark so far."""
    widget = booth.widget()
    booth.confirm()
    await booth.read()
    return widget


async def test_nothing_is_read_before_redis_confirmed_the_channel(booth: Booth) -> None:
    booth.bus.status = doorbell(GREEN, 1)
    widget = booth.widget()
    booth.widgets.read_all()
    await booth.read()
    assert booth.subscriber.wanted == [CHANNEL]
    assert booth.bus.asked == []
    booth.confirm()
    await booth.read()
    assert booth.bus.asked == [["w1"]]
    assert widget.shown == [status_message(GREEN)]


async def test_a_widget_without_a_status_stays_dark(widget: FakeWidget) -> None:
    assert widget.connection.pairing == 7
    assert widget.frames == []


@pytest.fixture
def noted(booth: Booth, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What is given to be measured: partition, and when the reading was accepted."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(booth.widgets.latency, "note", lambda *given: found.append(given))
    return found


async def test_how_long_a_status_took_is_measured_once_however_many_connections_show_it(
    booth: Booth, widget: FakeWidget, noted: list[tuple[int, int]]
) -> None:
    second = booth.widget()
    await booth.read()
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 2, received_at=9))
    assert second.shown == widget.shown == [status_message(GREEN)]
    assert noted == [(0, 9)]


async def test_a_status_whose_message_was_lost_is_measured_when_it_is_read(
    booth: Booth, widget: FakeWidget, noted: list[tuple[int, int]]
) -> None:
    booth.widget()  # what it is told now is old already, and is not measured
    booth.bus.status = doorbell(GREEN, 9, received_at=7)
    booth.confirm()  # as the subscriber does after each reconnect
    await booth.read()
    assert widget.shown == [status_message(GREEN)]
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 9, received_at=7))  # late
    booth.widgets.read_all()
    await booth.read()
    assert noted == [(0, 7)]


@pytest.mark.usefixtures("widget")
async def test_the_span_of_a_traced_status_is_made_once_also_if_its_doorbell_was_lost(
    booth: Booth,
) -> None:
    def traced(light: ChargingStatus, revision: int) -> bytes:
        context = f"00-{revision:032x}-{revision:016x}-01"
        return doorbell(light, revision, received_at=9, traceparent=context)

    with receiving() as receiver:
        async with tracing_to(receiver) as tracing:
            booth.widgets.traces = StatusTraces(tracing)
            second = booth.widget()
            await booth.read()
            booth.subscriber.publish(CHANNEL, traced(RED, 2))
            booth.subscriber.publish(CHANNEL, traced(RED, 2))  # again
            booth.subscriber.publish(CHANNEL, doorbell(GREEN, 3, received_at=9))
            second.vanish()
            booth.bus.status = traced(YELLOW, 4)  # nobody rang
            booth.widgets.read_all()
            await booth.read()
            booth.widget()  # is shown what was written before
            await booth.read()
    assert [(span.trace.hex(), span.parent.hex()) for span in receiver.named("light widget")] == [
        (f"{revision:032x}", f"{revision:016x}") for revision in (2, 4)
    ]
    assert len(receiver.spans) == 2


async def test_no_snapshot_and_nothing_that_is_not_written_now_is_measured(
    booth: Booth, noted: list[tuple[int, int]]
) -> None:
    booth.bus.status = doorbell(RED, 1, received_at=5)
    widget = booth.widget()
    booth.confirm()
    booth.subscriber.publish(CHANNEL, doorbell(RED, 2, received_at=6))  # before its snapshot
    await booth.read()
    assert widget.shown == [status_message(RED)]
    booth.subscriber.publish(CHANNEL, doorbell(RED, 2, received_at=6))  # again
    booth.subscriber.publish(CHANNEL, doorbell(RED, 2, thresholds=2, received_at=6))
    booth.subscriber.publish(CHANNEL, doorbell(RED, 3))  # by an older router
    widget.connection.connection.pause_writing()
    booth.subscriber.publish(CHANNEL, doorbell(RED, 4, received_at=8))
    widget.connection.connection.resume_writing()
    assert len(widget.shown) == 4
    assert noted == []


async def test_a_second_connection_needs_no_second_subscription(
    booth: Booth, widget: FakeWidget
) -> None:
    booth.bus.status = doorbell(RED, 1)
    second = booth.widget()
    await booth.read()
    assert booth.subscriber.wanted == [CHANNEL]
    assert second.shown == [status_message(RED)]
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 2))
    assert second.shown[1:] == widget.shown[-1:] == [status_message(GREEN)]


@pytest.mark.parametrize(
    ("heard", "stored", "shown"), [(2, 1, "heard"), (1, 2, "stored"), (1, 1, "stored")]
)
async def test_until_its_snapshot_a_widget_keeps_the_newest_and_gets_the_newer_of_the_two(
    booth: Booth, heard: int, stored: int, shown: str
) -> None:
    widget = booth.widget()
    booth.confirm()
    booth.subscriber.publish(CHANNEL, doorbell(GREEN if shown == "heard" else RED, heard))
    booth.bus.status = doorbell(GREEN if shown == "stored" or heard == stored else RED, stored)
    assert widget.shown == []
    await booth.read()
    expected = RED if heard == stored else GREEN
    assert widget.shown == [status_message(expected)]


async def test_what_is_older_than_what_is_shown_is_dropped(
    booth: Booth, widget: FakeWidget
) -> None:
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 5))
    booth.subscriber.publish(CHANNEL, doorbell(RED, 4))
    booth.bus.status = doorbell(YELLOW, 3)
    booth.widgets.read_all()
    await booth.read()
    assert widget.shown == [status_message(GREEN)]


async def test_after_a_loss_what_was_missed_is_shown(booth: Booth, widget: FakeWidget) -> None:
    booth.bus.status = doorbell(GREEN, 9)
    booth.confirm()  # as the subscriber does after each reconnect
    await booth.read()
    assert widget.shown == [status_message(GREEN)]


@pytest.mark.parametrize("told_by", ["the directory", "a status"])
async def test_a_new_pairing_makes_the_widget_connect_again(
    booth: Booth, widget: FakeWidget, told_by: str
) -> None:
    booth.bus.registration = b"8"
    if told_by == "a status":
        booth.subscriber.publish(CHANNEL, doorbell(GREEN, 1, pairing=8))
    else:
        booth.bus.status = doorbell(GREEN, 1, pairing=8)
        booth.widgets.on_directory_change(0, ["w1"])
    await booth.read()
    assert widget.shown == []
    assert widget.close_code == CloseCode.GOING_AWAY


async def test_a_redis_that_is_behind_does_not_close_the_widget(
    booth: Booth, widget: FakeWidget
) -> None:
    # An old snapshot, or a replica that was promoted too early: numbers only grow.
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 5))
    booth.bus.registration, booth.bus.status = b"6", doorbell(RED, 9, pairing=6)
    booth.widgets.read_all()
    await booth.read()
    assert widget.close_code is None
    assert widget.shown == [status_message(GREEN)]
    booth.subscriber.publish(CHANNEL, doorbell(YELLOW, 6))
    assert widget.shown == [status_message(GREEN), status_message(YELLOW)]


async def test_an_unregistered_widget_is_closed_but_for_a_while_not_after_redis_was_away(
    booth: Booth, widget: FakeWidget
) -> None:
    booth.trust.distrust_missing_entries()
    booth.bus.registration = b"unregistered"
    booth.widgets.on_directory_change(0, [])
    await booth.read()
    assert widget.close_code is None
    booth.trust.restore()
    await booth.read()
    assert widget.close_code == CloseCode.NOT_REGISTERED


@pytest.mark.parametrize(("registration", "changed"), [(b"unregistered", ["w1"]), (b"absent", [])])
async def test_a_widget_waits_until_the_directory_knows_it(
    booth: Booth, registration: bytes, changed: list[str]
) -> None:
    if registration == b"unregistered":
        booth.trust.distrust_missing_entries()
    booth.bus.registration = registration
    widget = booth.widget()
    booth.confirm()
    await booth.read()
    assert booth.context.waiting == {widget.connection}
    assert widget.close_code is None
    booth.bus.registration, booth.bus.status = b"7", doorbell(GREEN, 1)
    booth.widgets.on_directory_change(0, changed)
    await booth.read()
    assert not booth.context.waiting
    assert widget.shown == [status_message(GREEN)]


async def test_a_directory_that_went_changes_nothing_for_those_who_are_in(
    booth: Booth, widget: FakeWidget
) -> None:
    booth.bus.registration = b"absent"
    booth.widgets.on_directory_change(0, [])
    await booth.read()
    assert not booth.context.waiting
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 1))
    assert widget.shown == [status_message(GREEN)]


@pytest.mark.parametrize("payload", [b"", b"hello", b"{}", b"\xff", b'{"widget":"\xff"}'])
async def test_nonsense_on_its_channel_is_nothing(
    booth: Booth, widget: FakeWidget, payload: bytes
) -> None:
    booth.subscriber.publish(CHANNEL, payload)
    assert widget.frames == []


async def test_the_last_connection_to_leave_ends_the_subscription(
    booth: Booth, widget: FakeWidget
) -> None:
    second = booth.widget()
    widget.vanish()
    assert booth.subscriber.wanted == [CHANNEL]
    second.vanish()
    assert booth.subscriber.wanted == []
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 1))
    booth.widgets.read_all()
    await booth.read()
    assert booth.bus.asked == [["w1"]]


async def test_a_widget_that_comes_back_is_read_again(booth: Booth, widget: FakeWidget) -> None:
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 5))
    widget.vanish()
    booth.bus.status = doorbell(RED, 4)  # a Redis that lost its newest write
    again = booth.widget()
    booth.confirm()
    await booth.read()
    assert again.shown == [status_message(RED)]


async def test_a_redis_that_is_away_is_asked_again(booth: Booth) -> None:
    booth.bus.away = True
    booth.bus.status = doorbell(GREEN, 1)
    widget = booth.widget()
    booth.confirm()
    await booth.read()
    assert widget.shown == []
    booth.bus.away = False
    await booth.read()
    assert widget.shown == [status_message(GREEN)]


async def test_a_status_that_replaces_a_newer_one_is_shown_and_that_one_never_again(
    booth: Booth,
) -> None:
    widget = booth.widget()
    booth.bus.status = doorbell(GREEN, 1000)
    booth.confirm()
    await booth.read()
    for payload in (doorbell(RED, 5), doorbell(RED, 6, replaces=999)):
        booth.subscriber.publish(CHANNEL, payload)
    assert widget.shown == [status_message(GREEN)]
    booth.subscriber.publish(CHANNEL, doorbell(RED, 6, replaces=1000))
    assert widget.shown == [status_message(GREEN), status_message(RED)]
    # What was read before it was replaced, and what was published.
    booth.widgets.read_all()
    await booth.read()
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 1000))
    assert widget.shown == [status_message(GREEN), status_message(RED)]
    booth.subscriber.publish(CHANNEL, doorbell(YELLOW, 7))
    assert widget.shown[2:] == [status_message(YELLOW)]


async def test_another_light_of_the_same_reading_is_replaced_and_other_thresholds_count(
    booth: Booth,
) -> None:
    widget = booth.widget()
    booth.bus.status = doorbell(GREEN, 5)
    booth.confirm()
    await booth.read()
    booth.subscriber.publish(CHANNEL, doorbell(RED, 5, replaces=5))
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 5))  # late
    assert widget.shown == [status_message(GREEN), status_message(RED)]
    booth.subscriber.publish(CHANNEL, doorbell(YELLOW, 5, thresholds=2))
    assert widget.shown[2:] == [status_message(YELLOW)]


@pytest.mark.parametrize("stored", [b"junk", b'{"pairing":7}', doorbell(RED, 2**53)])
async def test_a_stored_status_that_cannot_be_read_counts_as_none(
    booth: Booth, stored: bytes
) -> None:
    widget = booth.widget()
    booth.bus.status = stored
    booth.confirm()
    await booth.read()
    booth.subscriber.publish(CHANNEL, stored)
    assert widget.shown == []
    booth.subscriber.publish(CHANNEL, doorbell(GREEN, 5))
    assert widget.shown == [status_message(GREEN)]


async def test_a_paired_widget_without_a_status_has_its_charger_routed_again(
    booth: Booth,
) -> None:
    booth.bus.charger = b"c1"
    booth.widget("w1")
    booth.widget("w2")
    booth.confirm()
    await booth.read()
    assert booth.bus.marked == [["c1", "c1"]]


async def test_one_that_has_a_status_does_not(booth: Booth) -> None:
    booth.bus.status = doorbell(GREEN, 1)
    booth.widget()
    booth.confirm()
    await booth.read()
    assert booth.bus.marked == []
