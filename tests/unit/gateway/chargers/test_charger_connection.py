"""A charger's connection: its last reading, its receipts, its epoch."""

import json
from collections.abc import Callable

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

    def on_uncertain(self, charger: ChargerConnection) -> None:
        pass

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
            rb'"not_json","message":"expected one JSON object: byte 0x68 at position 0"',
        ),
        (
            b"{}",
            rb'"unknown_event","message":"expected \"event\":\"StateOfCharge\" from a charger"',
        ),
        (
            b'{"event":"StateOfCharge","data":{"soc":true}}',
            (
                rb'"invalid_reading","message":'
                rb'"expected \"data\":{\"soc\":N} with a number from 0 to 100"'
            ),
        ),
        (
            b'{"event":"StateOfCharge","data":{"soc":101}}',
            rb'"out_of_range","message":"soc must be from 0 to 100"',
        ),
    ],
)
def test_a_bad_reading_is_answered_byte_for_byte_and_changes_nothing(
    charger: FakeCharger, said: bytes, answer: bytes
) -> None:
    charger.say(said)
    (found,) = charger.got(Opcode.TEXT)
    assert found == b'{"event":"error","data":{"code":' + answer + b"}}"
    assert json.loads(found)["event"] == "error"
    assert charger.events.told == ["connected c1"]
    assert charger.connection.sequence == 0
    assert charger.connection.is_open


def test_a_bad_reading_does_not_take_the_place_of_a_good_one(charger: FakeCharger) -> None:
    charger.report(70)
    charger.report(101)
    charger.report("NaN")
    assert (charger.connection.sequence, charger.connection.state_of_charge) == (1, 70)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("a =a", id="with nothing to store a ping is answered at once"),
        pytest.param("R a = 1 =a b =ab", id="the reading before it must be stored"),
        pytest.param("R a R 1 =a", id="readings after the ping do not matter"),
        pytest.param("R R a 1 = 2 =a", id="the last reading before the ping counts"),
        pytest.param("R a b c d 1 =ad", id="of several the oldest and the newest are answered"),
        pytest.param("R a R b R 1 =a 2 =ab", id="each ping waits for its own reading"),
        # Redis is always one reading behind: the oldest ping is answered all the same.
        pytest.param("R a R 1 b R 2 c R 3 d R 4 =abcd", id="a stream of pings delays none"),
        pytest.param("R a 1 1 R 2 =a", id="it is given once"),
        pytest.param("R R 2 1 S a =a", id="an answer about an older reading takes nothing back"),
        pytest.param("X a =a", id="a bad reading needs no storing"),
    ],
)
def test_a_pong_is_a_receipt(charger: FakeCharger, script: str) -> None:
    """R is a reading and X a bad one, a letter a ping, a number what is stored, =ab the pongs."""
    for step in script.split():
        if step == "S":
            assert charger.connection.is_stored
        elif step in {"R", "X"}:
            charger.report(70 if step == "R" else 101)
        elif step.isdigit():
            charger.connection.on_stored(int(step))
        elif step[0] == "=":
            assert b"".join(charger.pongs).decode() == step[1:]
        else:
            charger.ping(step.encode())


def test_a_reading_and_its_ping_in_one_segment_wait_too(charger: FakeCharger) -> None:
    charger.send(reading_of(70) + frame_of(Opcode.PING, b"a"))
    assert charger.pongs == []
    charger.connection.on_stored(1)
    assert charger.pongs == [b"a"]


@pytest.mark.parametrize(
    "end",
    [
        lambda charger: charger.vanish(),
        lambda charger: charger.send(close_of()),
        lambda charger: charger.connection.close_superseded(),
    ],
    ids=["lost", "closed by the device", "superseded"],
)
def test_a_receipt_for_a_connection_that_ended_goes_nowhere(
    charger: FakeCharger, end: Callable[[FakeCharger], None]
) -> None:
    charger.report(70)
    charger.ping(b"a")
    end(charger)
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


@pytest.mark.parametrize(
    "said",
    [
        reading_of(70),
        frame_of(Opcode.TEXT, b"hello"),
        frame_of(Opcode.TEXT, b"{}"),
        frame_of(Opcode.BINARY, b"x"),
    ],
    ids=["a reading", "no JSON", "no event", "binary"],
)
def test_an_older_connection_is_refused_whatever_it_says_next(
    charger: FakeCharger, said: bytes
) -> None:
    charger.connection.superseded = True
    assert charger.close_code is None
    charger.send(said)
    assert charger.close_code == CloseCode.SUPERSEDED
    assert charger.got(Opcode.TEXT) == []
    assert charger.connection.sequence == 0
    assert charger.events.told == ["connected c1"]


def test_a_refused_connection_says_nothing_more(charger: FakeCharger) -> None:
    charger.connection.close_superseded()
    charger.report(70)
    assert charger.close_code == CloseCode.SUPERSEDED
    assert charger.connection.superseded
    assert charger.connection.sequence == 0


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


def test_one_proof_at_a_time_is_enough_and_counts_once(charger: FakeCharger) -> None:
    charger.connection.prove_alive()
    charger.connection.prove_alive()
    (payload,) = charger.got(Opcode.PING)
    charger.send(frame_of(PONG, payload) * 3)
    assert len(charger.events.told) == 2
    charger.connection.prove_alive()
    assert len(charger.got(Opcode.PING)) == 2


@pytest.mark.parametrize("payload", [b"", b"alive", b"?"])
def test_another_pong_proves_nothing(charger: FakeCharger, payload: bytes) -> None:
    # It may be the answer to a ping of long ago.
    charger.connection.prove_alive()
    charger.send(frame_of(PONG, payload))
    assert charger.events.told == ["connected c1"]


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
