"""A widget's connection shows what is newest, and never anything older."""

import pytest
from websockets.frames import Opcode

from services.gateway.presence.rejections import Rejections
from services.gateway.widgets.widget_connection import (
    WidgetConnection,
    status_message,
    widget_endpoint,
)
from shared.contract.device_protocol import ChargingStatus, CloseCode
from shared.contract.doorbells import StatusData, StatusDoorbell
from tests.unit.gateway.fake_device import Clock, FakeDevice, context_of, head_of

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED


class FakeEvents:
    """Notes who comes and goes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_connected(self, widget: WidgetConnection) -> None:
        self.told.append(f"joined {widget.device_id}")

    def on_disconnected(self, widget: WidgetConnection) -> None:
        self.told.append(f"left {widget.device_id}")


class FakeWidget(FakeDevice):
    """A widget whose handshake is done."""

    connection: WidgetConnection

    def __init__(self, clock: Clock, path: str = "/widgets/w1") -> None:
        self.events = FakeEvents()
        super().__init__(context_of(clock), widget_endpoint(self.events, Rejections()))
        self.send(head_of(path))

    @property
    def shown(self) -> list[bytes]:
        """The messages it got."""
        return self.got(Opcode.TEXT)


@pytest.fixture
def newcomer(clock: Clock) -> FakeWidget:
    """A widget before its snapshot."""
    return FakeWidget(clock)


@pytest.fixture
def widget(newcomer: FakeWidget) -> FakeWidget:
    """A widget of pairing 7, dark so far."""
    newcomer.connection.pairing = 7
    return newcomer


def status(
    light: ChargingStatus,
    *,
    pairing: int = 7,
    revision: tuple[int, int] = (1, 1),
    thresholds: int = 1,
) -> StatusDoorbell:
    return StatusDoorbell(
        data=StatusData(light),
        widget="w1",
        charger="c1",
        pairing=pairing,
        revision=revision,
        thresholds=thresholds,
    )


@pytest.mark.parametrize("path", ["/widgets/w1", "/devices/w1"])
def test_a_widget_that_connects_asks_for_its_status(clock: Clock, path: str) -> None:
    widget = FakeWidget(clock, path)
    assert widget.events.told == ["joined w1"]
    assert widget.connection.pairing is None
    assert widget.frames == []


def test_a_widget_does_not_connect_on_the_port_of_chargers(clock: Clock) -> None:
    widget = FakeWidget(clock, "/chargers/w1")
    assert widget.http_status == 404
    assert widget.events.told == []


@pytest.mark.parametrize(
    ("light", "message"),
    [
        (RED, b'{"event":"chargingStatus","data":{"status":"charging"}}'),
        (YELLOW, b'{"event":"chargingStatus","data":{"status":"charging80"}}'),
        (GREEN, b'{"event":"chargingStatus","data":{"status":"charged"}}'),
    ],
)
def test_a_status_goes_out_byte_for_byte_as_firmware_expects_it(
    widget: FakeWidget, light: ChargingStatus, message: bytes
) -> None:
    widget.connection.show(status(light))
    assert widget.shown == [message]
    assert status_message(light) == message


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (status(RED, revision=(5, 5)), status(GREEN, revision=(5, 6))),
        (status(RED, revision=(5, 5)), status(GREEN, revision=(6, 1))),
        (status(RED, revision=(5, 5)), status(GREEN, revision=(5, 5), thresholds=2)),
        (status(RED, revision=(5, 5), thresholds=2), status(GREEN, revision=(5, 6))),
        (status(RED, revision=(5, 5)), status(RED, revision=(5, 6))),
    ],
)
def test_what_is_newer_is_shown_and_what_is_older_never_after_it(
    clock: Clock, first: StatusDoorbell, then: StatusDoorbell
) -> None:
    in_order, reordered = FakeWidget(clock), FakeWidget(clock)
    in_order.connection.pairing = reordered.connection.pairing = 7
    for one in (first, then, first, then):
        in_order.connection.show(one)
    light = then.data.status
    assert in_order.shown == [status_message(RED), status_message(light)]
    for one in (then, first):
        reordered.connection.show(one)
    assert reordered.shown == [status_message(light)]


@pytest.mark.parametrize("pairing", [6, 8])
def test_a_status_of_another_pairing_is_not_shown(widget: FakeWidget, pairing: int) -> None:
    widget.connection.show(status(GREEN, pairing=pairing, revision=(9, 9)))
    assert widget.shown == []
    widget.connection.show(status(RED))
    assert widget.shown == [status_message(RED)]


def test_before_its_snapshot_a_widget_shows_nothing(newcomer: FakeWidget) -> None:
    newcomer.connection.show(status(GREEN))
    assert newcomer.shown == []
    newcomer.connection.pairing = 7
    newcomer.connection.show(status(GREEN))
    assert newcomer.shown == [status_message(GREEN)]


def test_a_slow_widget_gets_only_the_newest(widget: FakeWidget) -> None:
    widget.protocol.pause_writing()
    widget.connection.show(status(RED, revision=(1, 1)))
    widget.connection.show(status(GREEN, revision=(1, 3)))
    widget.connection.show(status(YELLOW, revision=(1, 2)))
    assert widget.shown == []
    widget.protocol.resume_writing()
    assert widget.shown == [status_message(GREEN)]
    widget.protocol.pause_writing()
    widget.protocol.resume_writing()
    assert widget.shown == [status_message(GREEN)]


def test_a_slow_widget_goes_on_where_it_stopped(widget: FakeWidget) -> None:
    widget.connection.show(status(RED, revision=(1, 1)))
    widget.protocol.pause_writing()
    widget.protocol.resume_writing()
    widget.connection.show(status(RED, revision=(1, 1)))
    widget.connection.show(status(GREEN, revision=(1, 2)))
    assert widget.shown == [status_message(RED), status_message(GREEN)]


def test_a_slow_widget_that_was_closed_gets_nothing_after_its_close(widget: FakeWidget) -> None:
    widget.protocol.pause_writing()
    widget.connection.show(status(GREEN))
    widget.connection.close(CloseCode.GOING_AWAY, "the pairing changed")
    widget.protocol.resume_writing()
    widget.connection.show(status(GREEN))
    assert widget.shown == []


def test_a_lost_widget_is_shown_nothing(widget: FakeWidget) -> None:
    widget.vanish()
    widget.connection.show(status(GREEN))
    assert widget.shown == []
    assert widget.events.told == ["joined w1", "left w1"]


@pytest.mark.parametrize(
    "said", [b"", b"hello", b'{"event":"StateOfCharge","data":{"soc":70}}', b"{"]
)
def test_a_widget_that_says_something_is_told_that_it_only_listens(
    widget: FakeWidget, said: bytes
) -> None:
    widget.say(said)
    assert widget.shown == [
        b'{"event":"error","data":{"code":"unexpected","message":"a widget only listens"}}'
    ]
    assert widget.close_code is None


def test_a_widget_that_never_stops_talking_is_closed(widget: FakeWidget) -> None:
    for _ in range(21):
        widget.say(b"hello")
    assert widget.close_code == CloseCode.POLICY


def test_a_widgets_ping_is_answered_at_once(widget: FakeWidget) -> None:
    widget.ping(b"a")
    assert widget.got(Opcode.PONG) == [b"a"]


@pytest.mark.parametrize(
    "ping",
    [b"ping", b"PING", b'"ping"', b" ping\n", b'{"event":"ping"}', b'{"type": "ping"}'],
)
def test_a_text_ping_of_a_widget_is_an_error_that_never_closes(
    widget: FakeWidget, ping: bytes
) -> None:
    for _ in range(50):
        widget.say(ping)
    assert len(widget.shown) == 50
    assert b'"unexpected"' in widget.shown[-1]
    assert b"ping frame" in widget.shown[-1]
    assert widget.close_code is None


@pytest.mark.parametrize(
    "said", [b"pingping", b'{"ping":1}', b"ping 1", b'"ping', b'{"event":"ping']
)
def test_a_text_ping_does_not_hide_what_else_a_widget_says(widget: FakeWidget, said: bytes) -> None:
    for _ in range(21):
        widget.say(b"ping")
        widget.say(said)
    assert widget.close_code == CloseCode.POLICY
