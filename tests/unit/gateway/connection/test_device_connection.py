"""An open connection, to its last byte, on a transport that only records."""

import json
import random

import pytest
from websockets.frames import Opcode

from services.gateway.connection.connection_context import ConnectionContext
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.connection.thing import HEAD, Thing, let_time_pass
from tests.unit.gateway.fake_device import Clock, close_of, context_of, frame_of, head_of

TEXT, CONT, BINARY = Opcode.TEXT, Opcode.CONT, Opcode.BINARY
PING, PONG = Opcode.PING, Opcode.PONG


def test_a_text_in_fragments_is_one_message(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"sp", fin=False))
    thing.send(frame_of(PING, b"1") + frame_of(CONT, b"l", fin=False))
    thing.send(frame_of(CONT, b"it") + frame_of(TEXT, b"whole"))
    assert thing.messages == [b"split", b"whole"]
    assert thing.got(PONG) == [b"1"]


def test_fragments_of_a_text_are_not_left_over_for_a_binary_message(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"te", fin=False) + frame_of(CONT, b"xt"))
    thing.send(frame_of(BINARY, b"bin", fin=False) + frame_of(CONT, b"ary"))
    assert thing.messages == [b"text"]
    assert len(thing.got(TEXT)) == 1


def test_a_letter_may_be_cut_by_fragments(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"\xc3", fin=False) + frame_of(CONT, b"\xa4"))
    assert thing.messages == [b"\xc3\xa4"]


@pytest.mark.parametrize("fragments", [1, 2, 3])
def test_a_binary_message_is_answered_once_and_the_next_text_counts(
    thing: Thing, fragments: int
) -> None:
    for number in range(fragments):
        opcode = CONT if number else BINARY
        thing.send(frame_of(opcode, b"x", fin=number == fragments - 1))
    thing.say(b"text")
    assert thing.got(TEXT) == [
        (
            b'{"event":"error","data":{"code":"not_text",'
            b'"message":"messages are text (opcode 0x1), not binary (0x2)"}}'
        )
    ]
    assert thing.messages == [b"text"]


def test_an_error_event_is_json_whatever_its_text(thing: Thing) -> None:
    thing.say(b"bad")
    (answer,) = thing.got(TEXT)
    assert answer == rb'{"event":"error","data":{"code":"not_json","message":"say \"good\"\\"}}'
    assert json.loads(answer)["data"]["message"] == 'say "good"\\'


def test_twenty_bad_frames_are_answered_and_the_next_one_closes(thing: Thing) -> None:
    for _ in range(20):
        thing.say(b"bad")
    assert len(thing.got(TEXT)) == 20
    assert thing.close_code is None
    thing.say(b"bad")
    assert len(thing.got(TEXT)) == 20
    assert thing.close_code == CloseCode.POLICY


def test_a_good_frame_starts_the_count_over(thing: Thing) -> None:
    for _ in range(5):
        for _ in range(20):
            thing.say(b"bad")
        thing.say(b"good")
    assert thing.messages == [b"good"] * 5
    assert thing.close_code is None


def test_a_flood_of_bad_frames_in_one_segment_is_closed(thing: Thing) -> None:
    thing.send(frame_of(BINARY, b"x") * 100 + frame_of(TEXT, b"late"))
    assert len(thing.got(TEXT)) == 20
    assert thing.close_code == CloseCode.POLICY
    assert thing.messages == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame_of(TEXT, b"\xff") + frame_of(TEXT, b"late"), 1007),
        (frame_of(TEXT, b"[" * 5000), 1009),
        (frame_of(TEXT, b"x", fin=False) + frame_of(CONT, b"", fin=False) * 16, 1009),
    ],
    ids=["no UTF-8", "over 1 KiB", "17 fragments"],
)
def test_what_is_no_message_closes(thing: Thing, sent: bytes, code: int) -> None:
    thing.send(sent)
    assert thing.close_code == code
    assert thing.transport.ended
    assert thing.messages == []


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_too_many_fragments_are_called_fragments(thing: Thing, payload: bytes) -> None:
    fragments = frame_of(TEXT, payload, fin=False) + frame_of(CONT, payload, fin=False) * 16
    thing.send(fragments + frame_of(CONT) + frame_of(TEXT, b"late"))
    assert thing.got(Opcode.CLOSE) == [b"\x03\xf1message in more than 16 fragments"]
    assert thing.messages == []


def test_a_ping_is_answered_with_its_payload_and_a_pong_reaches_the_connection(
    thing: Thing,
) -> None:
    thing.ping(b"")
    thing.ping(b"x" * 125)
    assert thing.got(PONG) == [b"", b"x" * 125]
    thing.send(frame_of(PONG, b"here"))
    assert thing.told == ["opened t1", "pong here"]


def test_a_close_says_why(thing: Thing) -> None:
    thing.connection.close(CloseCode.NOT_REGISTERED, "this thing is not registered")
    assert thing.got(Opcode.CLOSE) == [b"\x11\x34this thing is not registered"]
    assert not thing.connection.is_open


def test_closing_twice_is_closing_once(thing: Thing) -> None:
    thing.connection.close(CloseCode.GOING_AWAY, "stopping")
    thing.connection.close(CloseCode.POLICY, "again")
    assert thing.close_code == CloseCode.GOING_AWAY


def test_data_after_our_close_is_ignored(thing: Thing) -> None:
    thing.connection.close(CloseCode.GOING_AWAY, "stopping")
    thing.say(b"late")
    thing.ping(b"late")
    thing.say(b"bad")
    thing.open_connection.pong(b"late")
    thing.open_connection.ping(b"late")
    assert thing.messages == []
    assert [frame.opcode for frame in thing.frames] == [Opcode.CLOSE]


def test_a_close_from_the_device_is_answered_and_what_comes_after_it_is_ignored(
    thing: Thing,
) -> None:
    thing.send(close_of(4000))
    assert thing.close_code == 4000
    assert thing.transport.ended
    assert not thing.connection.is_open
    thing.say(b"late")
    thing.send(close_of() + frame_of(TEXT, b"later"))
    assert thing.messages == []
    assert [frame.opcode for frame in thing.frames] == [Opcode.CLOSE]


@pytest.mark.parametrize(
    ("end", "code"),
    [(close_of() + frame_of(TEXT, b"late"), 1000), (b"\xff\xff\xff\xff", 1002)],
    ids=["a close", "a broken frame"],
)
def test_what_came_before_the_end_in_its_segment_counts(
    thing: Thing, end: bytes, code: int
) -> None:
    thing.send(frame_of(TEXT, b"the last one") + end)
    assert thing.messages == [b"the last one"]
    assert thing.close_code == code


def test_a_whole_visit_in_one_segment_counts(newcomer: Thing) -> None:
    newcomer.send(HEAD + frame_of(TEXT, b"hello") + close_of(1001))
    assert newcomer.messages == [b"hello"]
    assert newcomer.close_code == 1001


def test_a_device_that_does_not_answer_a_close_is_cut_off(thing: Thing, clock: Clock) -> None:
    thing.connection.close(CloseCode.GOING_AWAY, "stopping")
    let_time_pass(thing, clock, 4)
    thing.say(b"still here")
    assert not thing.transport.aborted
    let_time_pass(thing, clock, 1.5)
    assert thing.transport.aborted


def test_an_abort_says_nothing_more(thing: Thing) -> None:
    thing.open_connection.abort()
    assert thing.transport.aborted == 1
    assert thing.frames == []


def test_the_end_of_the_stream_ends_our_half_too(thing: Thing) -> None:
    assert thing.protocol.eof_received() is False
    assert thing.transport.ended
    assert thing.frames == []
    assert not thing.connection.is_open


@pytest.mark.parametrize("said", [b"", HEAD[:30]])
def test_the_end_of_the_stream_before_the_handshake_is_no_error(
    newcomer: Thing, said: bytes
) -> None:
    newcomer.send(said)
    assert newcomer.protocol.eof_received() is False
    newcomer.protocol.connection_lost(None)
    assert newcomer.told == []
    assert not newcomer.context.connections


def test_a_quiet_device_is_pinged_and_cut_off_in_less_than_30_seconds(
    thing: Thing, clock: Clock
) -> None:
    started = clock.now
    pinged: list[float] = []
    while not thing.transport.aborted:
        assert clock.now < started + 30
        let_time_pass(thing, clock, 0.5)
        if len(thing.got(PING)) > len(pinged):
            pinged.append(clock.now - started)
    assert pinged == [12, 24]
    assert clock.now - started == 25


def test_a_device_that_answers_stays(thing: Thing, clock: Clock) -> None:
    for _ in range(12):
        let_time_pass(thing, clock, 12)
        thing.send(frame_of(PONG))
    assert len(thing.got(PING)) == 12
    assert not thing.transport.aborted
    assert thing.close_code is None


@pytest.mark.parametrize("cut", [1, 3, None])
def test_any_byte_is_a_sign_of_life(thing: Thing, clock: Clock, cut: int | None) -> None:
    let_time_pass(thing, clock, 24)
    thing.send(frame_of(TEXT, b"hello")[:cut])
    let_time_pass(thing, clock, 24)
    assert not thing.transport.aborted
    let_time_pass(thing, clock, 1)
    assert thing.transport.aborted


def test_a_device_that_talks_is_pinged_too(thing: Thing, clock: Clock) -> None:
    # What it sends may come from a buffer on the way; only a pong is an answer.
    for _ in range(72):
        let_time_pass(thing, clock, 0.5)
        thing.say(b"hello")
    assert len(thing.got(PING)) == 3


def crowd_of(context: ConnectionContext, clock: Clock) -> list[Thing]:
    """Return devices that connected all at once and say nothing but pongs."""
    context.rng = random.Random(1)
    things = [Thing(context) for _ in range(600)]
    for thing in things:
        thing.send(HEAD)
    wait_for_pings(things, clock, 12)
    return things


def wait_for_pings(things: list[Thing], clock: Clock, seconds: float) -> list[int]:
    """Let time go by and answer pings; return how many there were in each half second."""
    pings: list[int] = []
    for _ in range(int(seconds / 0.5)):
        let_time_pass(things[0], clock, 0.5)
        pinged = [thing for thing in things if thing.got(PING)]
        pings.append(len(pinged))
        for thing in pinged:
            thing.forget()
            thing.send(frame_of(PONG))
    return pings


def test_devices_that_connect_at_once_are_not_pinged_at_once(
    context: ConnectionContext, clock: Clock
) -> None:
    things = crowd_of(context, clock)
    pings = wait_for_pings(things, clock, 24)
    assert sum(pings) == 2 * len(things)
    assert max(pings) <= 50  # were they equally spread, it would be 25
    assert pings[:24] == pings[24:]  # each has its turn


def test_nor_after_a_gateway_that_stood_still(context: ConnectionContext, clock: Clock) -> None:
    things = crowd_of(context, clock)
    clock.now += 12.5
    assert wait_for_pings(things, clock, 0.5) == [len(things)]
    assert max(wait_for_pings(things, clock, 24)) <= 50


def test_the_ping_interval_is_a_setting(clock: Clock) -> None:
    thing = Thing(context_of(clock, ping_interval_seconds=2, silence_seconds=5))
    thing.send(HEAD)
    let_time_pass(thing, clock, 4.5)
    assert len(thing.got(PING)) == 2
    assert not thing.transport.aborted
    let_time_pass(thing, clock, 0.5)
    assert thing.transport.aborted


def test_a_lost_connection_is_forgotten_and_its_subclass_told_once(
    thing: Thing, context: ConnectionContext
) -> None:
    context.waiting.add(thing.connection)
    thing.vanish()
    assert thing.told == ["opened t1", "lost"]
    assert not context.connections
    assert not context.waiting
    assert not thing.connection.is_open


@pytest.mark.parametrize("before", [0, 9, 24])
def test_the_wheel_never_calls_a_lost_connection(thing: Thing, clock: Clock, before: float) -> None:
    let_time_pass(thing, clock, before)
    pings = len(thing.got(PING))
    thing.vanish()
    let_time_pass(thing, clock, 60)
    assert len(thing.got(PING)) == pings
    assert not thing.transport.aborted
    assert not thing.context.wheel._slots


def test_the_wheel_never_calls_one_that_was_lost_while_closing(thing: Thing, clock: Clock) -> None:
    thing.connection.close(CloseCode.GOING_AWAY, "stopping")
    thing.send(close_of())
    thing.protocol.eof_received()
    thing.protocol.connection_lost(None)
    let_time_pass(thing, clock, 60)
    assert not thing.transport.aborted
    assert not thing.context.wheel._slots


def test_a_connection_lost_before_its_handshake_is_nobodys_loss(newcomer: Thing) -> None:
    newcomer.vanish()
    assert newcomer.told == []
    assert not newcomer.context.connections


def test_what_is_sent_to_a_lost_connection_goes_nowhere(thing: Thing) -> None:
    thing.vanish()
    thing.open_connection.ping(b"1")
    thing.open_connection.pong(b"1")
    thing.connection.close(CloseCode.GOING_AWAY, "stopping")
    assert thing.frames == []


def test_a_device_that_does_not_read_gets_no_more_error_events(thing: Thing) -> None:
    # What was read already when it turned out that it does not read.
    thing.open_connection.pause_writing()
    thing.deliver(frame_of(TEXT, b"bad") * 10)
    assert thing.got(TEXT) == []
    thing.open_connection.resume_writing()
    thing.say(b"bad")
    assert len(thing.got(TEXT)) == 1
    assert thing.told == ["opened t1", "writable"]


def test_bad_frames_count_although_nobody_reads_their_answers(thing: Thing) -> None:
    thing.open_connection.pause_writing()
    thing.deliver(frame_of(TEXT, b"bad") * 21)
    assert thing.close_code == CloseCode.POLICY


def test_who_does_not_read_is_not_read_from(thing: Thing, clock: Clock) -> None:
    # Or else its pings would pile up here as pongs.
    thing.open_connection.pause_writing()
    assert not thing.transport.reading
    thing.open_connection.resume_writing()
    assert thing.transport.reading
    thing.open_connection.pause_writing()
    let_time_pass(thing, clock, 25)
    assert thing.transport.aborted


def test_a_stranger_with_a_new_id_each_time_makes_handshakes_wait(
    context: ConnectionContext,
) -> None:
    for number in range(300):
        stranger = Thing(context)
        stranger.send(head_of(f"/things/t{number}"))
        assert context.failed.wait() == 0 or number > 125
        stranger.connection.close(CloseCode.NOT_REGISTERED, "it is not registered")
    assert context.failed.wait() > 0
