"""A device that sends faster than it may: read slowly, heard all the same, closed in the end."""

import pytest
from websockets.frames import Opcode

from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.websocket_protocol import DeviceProtocol
from services.gateway.presence.rejections import Rejections
from shared.contract.device_protocol import CloseCode
from shared.contract.presence import RejectionCode
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    close_of,
    context_of,
    frame_of,
    head_of,
    reading_of,
)

RATE, BURST = 1000, 3000
SETTINGS = {"bytes_per_second": RATE, "burst_bytes": BURST}
EMPTY_PING = frame_of(Opcode.PING)
FRAGMENTS = (
    frame_of(Opcode.TEXT, fin=False) + frame_of(Opcode.CONT, fin=False) * 10 + frame_of(Opcode.CONT)
)


class ChargerEvents:
    """Stores everything at once."""

    def on_connected(self, charger: ChargerConnection) -> None:
        charger.epoch = 1

    def on_reading(self, charger: ChargerConnection) -> None:
        charger.on_stored(charger.sequence)

    def on_uncertain(self, charger: ChargerConnection) -> None:
        pass

    def on_closing(self, charger: ChargerConnection) -> None:
        pass

    def on_disconnected(self, charger: ChargerConnection) -> None:
        pass


class Charger(FakeDevice):
    """A charger whose handshake is done, and time as its gateway sees it."""

    connection: ChargerConnection

    def __init__(self, clock: Clock, context: ConnectionContext) -> None:
        self.clock = clock
        self.context = context
        self.rejections = Rejections()
        super().__init__(context, charger_endpoint(ChargerEvents(), 64, self.rejections))
        self.send(head_of("/chargers/c1"))

    def let_time_pass(self, seconds: float, more: bytes = b"") -> None:
        """Let time go by; whenever there is room, it sends more."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now += 0.05
            self.context.pauses.advance()
            self.context.wheel.advance()
            if len(self.on_the_way) < 10_000:
                self.on_the_way += more
            self.arrive()


@pytest.fixture
def charger(clock: Clock) -> Charger:
    return Charger(clock, context_of(clock, **SETTINGS))


@pytest.mark.parametrize(("pings", "pause"), [(5, 1), (0, 0.1)])
def test_by_default_ten_readings_a_second_with_pings_and_a_hundred_without_are_fine(
    clock: Clock, pings: int, pause: float
) -> None:
    charger = Charger(clock, context_of(clock))
    for _ in range(600):
        charger.send(reading_of(50) * 10 + EMPTY_PING * pings)
        assert charger.transport.reading
        charger.let_time_pass(pause)
    assert charger.close_code is None


def test_what_is_over_the_limit_is_not_read_and_not_lost(charger: Charger) -> None:
    levels = [n % 101 for n in range(100)]
    charger.send(b"".join(reading_of(level) for level in levels))
    assert charger.on_the_way
    assert not charger.transport.reading
    charger.let_time_pass(9)
    assert not charger.on_the_way
    assert charger.connection.sequence == 100
    assert charger.connection.state_of_charge == levels[-1]
    assert charger.close_code is None


def test_a_reading_behind_a_burst_is_taken_once_it_may_be(charger: Charger) -> None:
    charger.send(EMPTY_PING * 100 + reading_of(77) + frame_of(Opcode.PING, b"stored?"))
    charger.let_time_pass(3)
    assert charger.connection.state_of_charge == 77
    assert charger.got(Opcode.PONG)[-1] == b"stored?"


@pytest.mark.parametrize(
    "flood",
    [EMPTY_PING, FRAGMENTS, reading_of(50), b"\x8a\x80\0\0\0\0"],
    ids=["pings", "fragments", "readings", "pongs"],  # their masks are random, a test's id is not
)
def test_of_a_flood_only_so_many_frames_are_parsed(
    charger: Charger, flood: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = 0
    recv_frame = DeviceProtocol.recv_frame

    def counting(self: object, frame: object) -> None:
        nonlocal parsed
        parsed += 1
        recv_frame(self, frame)  # type: ignore[arg-type]

    monkeypatch.setattr(DeviceProtocol, "recv_frame", counting)
    charger.let_time_pass(9, more=flood * 1000)
    # 32 is what the smallest frame costs; a slice may be overdrawn.
    assert 50 < parsed < (BURST + 9 * RATE) / 32 + 200


def test_a_flood_is_closed_with_4429_and_says_why(charger: Charger) -> None:
    charger.let_time_pass(9, more=reading_of(50) * 100)
    assert charger.close_code is None
    charger.let_time_pass(3, more=reading_of(50) * 100)
    assert charger.close_code == CloseCode.TOO_FAST
    assert charger.rejections.chargers["c1"].code is RejectionCode.TOO_FAST


def test_how_long_it_may_go_on_is_a_setting(clock: Clock) -> None:
    charger = Charger(clock, context_of(clock, too_fast_seconds=2, **SETTINGS))
    charger.let_time_pass(4.5, more=reading_of(50) * 100)
    assert charger.close_code == CloseCode.TOO_FAST


def test_all_that_was_read_before_the_close_counts(charger: Charger) -> None:
    sent = b"".join(reading_of(level) for level in range(10, 100)) * 100
    charger.send(sent)
    while charger.close_code is None:
        charger.let_time_pass(0.05)
    read = (len(sent) - len(charger.on_the_way)) // len(reading_of(10))
    assert charger.connection.sequence == read
    assert charger.connection.state_of_charge == 10 + (read - 1) % 90
    assert charger.connection.is_stored


def test_what_is_sent_after_the_close_is_read_slowly_too_and_counts_no_more(
    charger: Charger,
) -> None:
    while charger.close_code is None:
        charger.let_time_pass(0.05, more=reading_of(50) * 100)
    sequence = charger.connection.sequence
    left = len(charger.on_the_way)
    charger.let_time_pass(2)
    assert charger.connection.sequence == sequence
    assert left - len(charger.on_the_way) < 3 * RATE


def test_a_burst_after_a_rest_is_no_flood(charger: Charger) -> None:
    for _ in range(20):
        charger.send(reading_of(50) * 50)
        charger.let_time_pass(5)
    assert charger.close_code is None


def test_who_is_not_read_from_is_not_silent(clock: Clock) -> None:
    # So little is allowed that one slice of pings is waited for longer than silence may last.
    slow = {"bytes_per_second": 256, "burst_bytes": 1024, "too_fast_seconds": 60}
    charger = Charger(clock, context_of(clock, silence_seconds=13, **slow))
    charger.let_time_pass(30, more=EMPTY_PING * 1000)
    assert not charger.transport.aborted
    charger.on_the_way = b""
    charger.let_time_pass(30 + 14)
    assert charger.transport.aborted, "silent by now"


def test_who_reads_again_while_it_sends_too_fast_is_not_read_from_yet(charger: Charger) -> None:
    charger.send(reading_of(50) * 100)
    charger.protocol.pause_writing()
    charger.protocol.resume_writing()
    assert not charger.transport.reading
    charger.let_time_pass(1)
    assert charger.transport.reading or charger.connection.sequence > 50


def test_who_does_not_read_is_not_read_from_after_its_rest_either(charger: Charger) -> None:
    charger.send(reading_of(50) * 100)
    charger.protocol.pause_writing()
    charger.let_time_pass(5)
    assert not charger.transport.reading
    charger.protocol.resume_writing()
    assert charger.transport.reading


def test_a_close_behind_a_burst_is_answered_in_its_turn(charger: Charger) -> None:
    charger.send(reading_of(50) * 100 + close_of())
    charger.let_time_pass(9)
    assert charger.connection.sequence == 100
    assert charger.close_code == 1000


def test_one_that_is_gone_while_it_rests_is_left_alone(charger: Charger) -> None:
    charger.send(reading_of(50) * 100)
    assert not charger.transport.reading
    charger.transport.abort()
    charger.let_time_pass(5)
    assert not charger.transport.reading, "nothing is done with a transport that closes"
    charger.vanish()
    charger.let_time_pass(5)


def test_a_head_in_single_bytes_is_slowed_down_too(clock: Clock) -> None:
    context = context_of(clock, **SETTINGS)
    device = FakeDevice(context, charger_endpoint(ChargerEvents(), 64, Rejections()))
    sent = 0
    while device.transport.reading and sent < 1000:
        device.send(b"G")
        sent += 1
    assert sent < BURST / 27 + 2
