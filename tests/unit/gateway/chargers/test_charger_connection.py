"""A charger's connection: its last reading, its receipts, its epoch."""

import json

import pytest
from websockets.frames import Opcode

from services.gateway.chargers.charger_connection import ChargerConnection, charger_endpoint
from services.gateway.chargers.readings import as_json
from services.gateway.presence.rejections import Rejections
from shared.contract.device_protocol import CloseCode
from shared.contract.names import partition_of
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    close_of,
    context_of,
    frame_of,
    head_of,
    reading_of,
)

PONG = Opcode.PONG
PARTITIONS = 64


class FakeEvents:
    """Notes what chargers say; stores nothing by itself."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_connected(self, charger: ChargerConnection) -> None:
        self.told.append(f"connected {charger.device_id}")

    def on_reading(self, charger: ChargerConnection) -> None:
        self.told.append(f"reported {charger.sequence}: {charger.state_of_charge}")

    def on_closing(self, charger: ChargerConnection) -> None:
        pass

    def on_disconnected(self, charger: ChargerConnection) -> None:
        self.told.append(f"disconnected {charger.device_id}")


class FakeCharger(FakeDevice):
    """A charger whose handshake is done."""

    connection: ChargerConnection

    def __init__(self, clock: Clock) -> None:
        self.events = FakeEvents()
        self.clock = clock
        self.rejections = Rejections()
        self.context = context_of(clock)
        super().__init__(self.context, charger_endpoint(self.events, PARTITIONS, self.rejections))
        self.send(head_of("/chargers/c1"))

    def report(self, level: object) -> None:
        self.send(reading_of(level))

    @property
    def pongs(self) -> list[bytes]:
        return self.got(PONG)


@pytest.fixture
def charger(clock: Clock) -> FakeCharger:
    return FakeCharger(clock)


def test_a_charger_that_connects_asks_for_its_epoch(charger: FakeCharger) -> None:
    assert charger.events.told == ["connected c1"]
    assert charger.connection.epoch is None
    assert charger.connection.partition == partition_of("c1", PARTITIONS)
    assert charger.connection.alive_at == charger.clock.now


def test_a_charger_does_not_connect_on_the_port_of_widgets(clock: Clock) -> None:
    events = FakeEvents()
    device = FakeDevice(context_of(clock), charger_endpoint(events, PARTITIONS, Rejections()))
    device.send(head_of("/widgets/c1"))
    assert device.http_status == 404
    device.vanish()
    assert events.told == []


def test_each_reading_is_reported_with_the_next_number(charger: FakeCharger) -> None:
    charger.report(70)
    charger.report(79.5)
    assert charger.events.told[1:] == ["reported 1: 70", "reported 2: 79.5"]
    assert not charger.connection.is_stored


@pytest.mark.parametrize(
    ("said", "text"),
    [("-0.0", "0"), ("-0", "0"), ("0.0", "0"), ("1e-400", "0"), ("7e1", "70.0"), ("100", "100")],
)
def test_a_level_goes_on_as_plain_json(charger: FakeCharger, said: str, text: str) -> None:
    charger.report(said)
    assert as_json(charger.connection.state_of_charge) == text


@pytest.mark.parametrize("level", ["79.99999999999999", "1e-300", "99.99999999999999", "5e-324"])
def test_no_digit_of_a_level_is_lost(charger: FakeCharger, level: str) -> None:
    charger.report(level)
    assert json.loads(as_json(charger.connection.state_of_charge)) == float(level)


def test_a_reading_keeps_the_time_it_came(charger: FakeCharger, clock: Clock) -> None:
    clock.now += 3
    charger.report(70)
    clock.now += 3
    assert charger.connection.received_at == clock.now - 3


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (
            b"hello",
            b'{"event":"error","data":{"code":"not_json","message":"expected one JSON object"}}',
        ),
        (
            b"{}",
            (
                b'{"event":"error","data":{"code":"unknown_event",'
                b'"message":"expected \\"event\\":\\"StateOfCharge\\" from a charger"}}'
            ),
        ),
        (
            b'{"event":"StateOfCharge","data":{"soc":true}}',
            (
                b'{"event":"error","data":{"code":"invalid_reading",'
                b'"message":"expected \\"data\\":{\\"soc\\":N} with a number from 0 to 100"}}'
            ),
        ),
        (
            b'{"event":"StateOfCharge","data":{"soc":101}}',
            (
                b'{"event":"error","data":{"code":"out_of_range",'
                b'"message":"soc must be from 0 to 100"}}'
            ),
        ),
    ],
)
def test_a_bad_reading_is_answered_byte_for_byte_and_changes_nothing(
    charger: FakeCharger, said: bytes, answer: bytes
) -> None:
    charger.say(said)
    assert charger.got(Opcode.TEXT) == [answer]
    assert json.loads(answer)["event"] == "error"
    assert charger.events.told == ["connected c1"]
    assert charger.connection.sequence == 0
    assert charger.connection.is_open


def test_a_bad_reading_does_not_take_the_place_of_a_good_one(charger: FakeCharger) -> None:
    charger.report(70)
    charger.report(101)
    charger.report("NaN")
    assert (charger.connection.sequence, charger.connection.state_of_charge) == (1, 70)


# A pong is a receipt.


def test_with_nothing_to_store_a_ping_is_answered_at_once(charger: FakeCharger) -> None:
    charger.ping(b"a")
    assert charger.pongs == [b"a"]


def test_a_pong_comes_only_once_the_reading_before_it_is_stored(charger: FakeCharger) -> None:
    charger.report(70)
    charger.ping(b"a")
    assert charger.pongs == []
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a"]
    charger.ping(b"b")
    assert charger.pongs == [b"a", b"b"]


def test_a_reading_and_its_ping_in_one_segment_wait_too(charger: FakeCharger) -> None:
    charger.send(reading_of(70) + frame_of(Opcode.PING, b"a"))
    assert charger.pongs == []
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a"]


def test_a_pong_does_not_wait_for_readings_after_its_ping(charger: FakeCharger) -> None:
    charger.report(70)
    charger.ping(b"a")
    charger.report(71)
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a"]


def test_a_pong_waits_for_the_last_reading_before_its_ping(charger: FakeCharger) -> None:
    charger.report(70)
    charger.report(71)
    charger.ping(b"a")
    charger.connection.on_stored(1)
    assert charger.pongs == []
    charger.connection.on_stored(2)
    assert charger.pongs == [b"a"]


def test_of_waiting_pings_the_oldest_and_the_newest_are_answered_in_order(
    charger: FakeCharger,
) -> None:
    charger.report(70)
    for payload in (b"a", b"b", b"c", b"d"):
        charger.ping(payload)
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a", b"d"]


def test_each_ping_waits_for_its_own_reading(charger: FakeCharger) -> None:
    charger.report(70)
    charger.ping(b"a")
    charger.report(71)
    charger.ping(b"b")
    charger.report(72)
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a"]
    charger.connection.on_stored(2)
    assert charger.pongs == [b"a", b"b"]


def test_a_stream_of_pings_does_not_put_the_first_off(charger: FakeCharger) -> None:
    # Redis is always one reading behind: the oldest ping is answered all the same.
    charger.report(0)
    for number in range(1, 10):
        charger.ping(b"%d" % number)
        charger.report(number)
        charger.connection.on_stored(number)
    assert charger.pongs == [b"%d" % number for number in range(1, 10)]


def test_a_pong_is_given_once(charger: FakeCharger) -> None:
    charger.report(70)
    charger.ping(b"a")
    charger.connection.on_stored(1)
    charger.connection.on_stored(1)
    charger.report(71)
    charger.connection.on_stored(2)
    assert charger.pongs == [b"a"]


def test_an_answer_about_an_older_reading_takes_nothing_back(charger: FakeCharger) -> None:
    charger.report(70)
    charger.report(71)
    charger.connection.on_stored(2)
    charger.connection.on_stored(1)
    assert charger.connection.is_stored
    charger.ping(b"a")
    assert charger.pongs == [b"a"]


def test_a_bad_reading_needs_no_storing(charger: FakeCharger) -> None:
    charger.report(101)
    charger.ping(b"a")
    assert charger.pongs == [b"a"]


@pytest.mark.parametrize("ending", ["goodbye", "none"])
def test_a_receipt_for_a_connection_that_ended_goes_nowhere(
    charger: FakeCharger, ending: str
) -> None:
    charger.report(70)
    charger.ping(b"a")
    if ending == "none":
        charger.vanish()
    else:
        charger.send(close_of())
    charger.connection.on_stored(1)
    assert charger.pongs == []


def test_the_devices_own_pings_never_hold_up_the_servers(
    charger: FakeCharger, clock: Clock
) -> None:
    charger.report(70)
    charger.ping(b"a")
    clock.now += 12
    charger.context.wheel.advance()
    assert charger.got(Opcode.PING) == [b""]
    assert charger.pongs == []


# Superseded.


def test_an_older_connection_is_refused_with_its_next_reading(charger: FakeCharger) -> None:
    charger.connection.superseded = True
    assert charger.close_code is None
    charger.report(70)
    assert charger.close_code == CloseCode.SUPERSEDED
    assert charger.connection.sequence == 0
    assert charger.events.told == ["connected c1"]


@pytest.mark.parametrize(
    ("opcode", "said"),
    [
        (Opcode.TEXT, b"hello"),
        (Opcode.TEXT, b"{}"),
        (Opcode.BINARY, b"x"),
    ],
)
def test_an_older_connection_is_refused_whatever_it_says(
    charger: FakeCharger, opcode: Opcode, said: bytes
) -> None:
    charger.connection.superseded = True
    charger.send(frame_of(opcode, said))
    assert charger.close_code == CloseCode.SUPERSEDED
    assert charger.got(Opcode.TEXT) == []


def test_a_refused_connection_says_nothing_more(charger: FakeCharger) -> None:
    charger.connection.close_superseded()
    charger.report(70)
    assert charger.close_code == CloseCode.SUPERSEDED
    assert charger.connection.superseded
    assert charger.connection.sequence == 0


def test_a_receipt_is_never_given_for_a_reading_that_was_refused(charger: FakeCharger) -> None:
    charger.report(70)
    charger.ping(b"a")
    charger.connection.close_superseded()
    charger.connection.on_stored(1)
    assert charger.pongs == []


# The proof of being alive.


def test_a_proof_is_a_ping_and_its_pong_asks_for_an_epoch_again(
    charger: FakeCharger, clock: Clock
) -> None:
    clock.now += 5
    charger.connection.prove_alive()
    (payload,) = charger.got(Opcode.PING)
    assert charger.events.told == ["connected c1"]
    clock.now += 2
    charger.send(frame_of(PONG, payload))
    assert charger.events.told == ["connected c1", "connected c1"]
    assert charger.connection.alive_at == clock.now


def test_one_proof_at_a_time_is_enough(charger: FakeCharger) -> None:
    charger.connection.prove_alive()
    charger.connection.prove_alive()
    (payload,) = charger.got(Opcode.PING)
    charger.send(frame_of(PONG, payload))
    assert len(charger.events.told) == 2
    charger.connection.prove_alive()
    assert len(charger.got(Opcode.PING)) == 2


@pytest.mark.parametrize("payload", [b"", b"alive", b"?"])
def test_another_pong_proves_nothing(charger: FakeCharger, payload: bytes) -> None:
    # It may be the answer to a ping of long ago.
    charger.connection.prove_alive()
    charger.send(frame_of(PONG, payload))
    assert charger.events.told == ["connected c1"]


def test_a_proof_that_nobody_asked_for_is_none(charger: FakeCharger) -> None:
    charger.connection.prove_alive()
    (payload,) = charger.got(Opcode.PING)
    charger.send(frame_of(PONG, payload) * 3)
    assert len(charger.events.told) == 2


def test_a_device_that_answers_only_the_newest_ping_proves_itself_too(
    charger: FakeCharger, clock: Clock
) -> None:
    # RFC 6455 (5.5.3) allows that; without its proof it would never get an epoch.
    charger.connection.prove_alive()
    for _ in range(20):
        clock.now += 0.5
        charger.context.wheel.advance()
    newest = charger.got(Opcode.PING)[-1]
    charger.send(frame_of(PONG, newest))
    assert charger.events.told == ["connected c1", "connected c1"]


def test_a_charger_that_leaves_is_reported_once(charger: FakeCharger) -> None:
    charger.vanish()
    assert charger.events.told == ["connected c1", "disconnected c1"]
