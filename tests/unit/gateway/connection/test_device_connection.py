"""One connection, from its first byte to its last, on a transport that only records."""

import json
import random

import pytest
from pydantic import SecretStr
from websockets.frames import Opcode

from services.gateway.auth.authenticator import Authenticate, PendingHandshake
from services.gateway.connection import rate_limited_reader
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection, DeviceHandler, Endpoint
from services.gateway.connection.dialect import BadFrameError, Dialect, json_error_event
from shared.contract.device_protocol import CloseCode, ErrorCode
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    close_of,
    context_of,
    frame_of,
    head_of,
)

TEXT, CONT, BINARY, PING, PONG = (
    Opcode.TEXT,
    Opcode.CONT,
    Opcode.BINARY,
    Opcode.PING,
    Opcode.PONG,
)
HEAD = head_of("/things/t1")


def decode(message: bytes) -> float:
    """A message ``bad…`` is a bad one."""
    if message.startswith(b"bad"):
        raise BadFrameError(ErrorCode.NOT_JSON, 'say "good"\\')
    message.decode()
    return 0.0


class PlainHandler(DeviceHandler):
    """Notes what it is told."""

    def __init__(
        self, connection: DeviceConnection, device_id: str, told: list[str], messages: list[bytes]
    ) -> None:
        super().__init__(connection, device_id)
        self.told = told
        self.messages = messages

    def on_open(self) -> None:
        self.told.append(f"opened {self.device_id}")

    def on_message(self, message: bytes) -> None:
        self.connection.dialect.decode(message)
        self.messages.append(message)

    def on_pong(self, payload: bytes) -> None:
        self.told.append(f"pong {payload.decode()}")

    def on_writable(self) -> None:
        self.told.append("writable")

    def on_lost(self) -> None:
        self.told.append("lost")


class Thing(FakeDevice):
    """A device at a plain endpoint."""

    def __init__(
        self, context: ConnectionContext, authenticate: Authenticate | None = None
    ) -> None:
        self.context = context
        self.told: list[str] = []
        self.messages: list[bytes] = []
        endpoint = Endpoint(
            Dialect(("/things/",), decode, json_error_event),
            lambda connection, device_id: PlainHandler(
                connection, device_id, self.told, self.messages
            ),
            lambda *_: None,
            authenticate,
        )
        super().__init__(context, endpoint)

    @property
    def open_connection(self) -> DeviceConnection:
        """The gateway's end, whose handshake was accepted."""
        assert isinstance(self.protocol, DeviceConnection)
        return self.protocol


@pytest.fixture
def context(clock: Clock) -> ConnectionContext:
    return context_of(clock)


@pytest.fixture
def newcomer(context: ConnectionContext) -> Thing:
    """A device that has said nothing yet."""
    return Thing(context)


@pytest.fixture
def thing(newcomer: Thing) -> Thing:
    """A device whose handshake is done."""
    newcomer.send(HEAD)
    return newcomer


def let_time_pass(thing: Thing, clock: Clock, seconds: float) -> None:
    """Let time go by as the wheel sees it."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 0.5
        thing.context.wheel.advance()


# The handshake.


def test_a_handshake_is_accepted(thing: Thing) -> None:
    assert thing.http_status == 101
    assert "Sec-WebSocket-Extensions" not in thing.http_head
    assert thing.told == ["opened t1"]
    assert thing.connection.is_open


def test_compression_that_a_device_offers_is_not_taken(newcomer: Thing) -> None:
    newcomer.send(head_of("/things/t1", "Sec-WebSocket-Extensions: permessage-deflate"))
    assert newcomer.http_status == 101
    assert "Extensions" not in newcomer.http_head


def test_a_frame_in_the_same_segment_as_the_handshake_counts(newcomer: Thing) -> None:
    newcomer.send(HEAD + frame_of(TEXT, b"first") + frame_of(TEXT, b"second"))
    assert newcomer.messages == [b"first", b"second"]
    assert newcomer.told == ["opened t1"]


def test_what_the_device_is_told_of_an_early_frame_comes_after_the_handshake(
    newcomer: Thing,
) -> None:
    newcomer.send(HEAD + frame_of(PING, b"1"))
    assert newcomer.http_status == 101
    assert newcomer.got(PONG) == [b"1"]


@pytest.mark.parametrize("cut", range(1, len(HEAD) + 12))
def test_the_head_may_be_cut_anywhere(newcomer: Thing, cut: int) -> None:
    data = HEAD + frame_of(TEXT, b"first")
    newcomer.send(data[:cut])
    newcomer.send(data[cut:])
    assert newcomer.http_status == 101
    assert newcomer.messages == [b"first"]


def test_the_head_may_come_byte_by_byte(newcomer: Thing) -> None:
    for byte in HEAD + frame_of(TEXT, b"first"):
        newcomer.send(bytes([byte]))
    assert newcomer.told == ["opened t1"]
    assert newcomer.messages == [b"first"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (head_of("/chargers/t1"), 404),
        (head_of("/things/t1%0A"), 404),
        (head_of("/things/t1", "Origin: https://evil.example"), 403),
        (HEAD.replace(b"Upgrade: websocket\r\n", b""), 426),
        (HEAD.replace(b"Version: 13", b"Version: 8"), 400),
        (HEAD.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
        (HEAD.replace(b"/things/t1 ", b"/things/" + b"x" * 9000 + b" "), 431),
        (head_of("/things/t1", "X-Long: " + "x" * 9000), 431),
        (head_of("/things/t1", *["X-Many: x"] * 200), 431),
    ],
)
def test_a_handshake_that_is_not_right_is_refused_and_the_stream_ended(
    newcomer: Thing, head: bytes, status: int
) -> None:
    newcomer.send(head + frame_of(TEXT, b"first"))
    assert newcomer.http_status == status
    assert newcomer.transport.ended
    assert newcomer.told == []
    assert newcomer.messages == []


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        HEAD.replace(b"GET", b"POST"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_what_is_no_websocket_handshake_ends_the_stream(newcomer: Thing, head: bytes) -> None:
    newcomer.send(head)
    assert newcomer.transport.ended
    assert newcomer.http_status in {0, 400, 405, 505}
    assert newcomer.told == []


def test_a_head_that_does_not_end_is_refused_at_8_kib(newcomer: Thing) -> None:
    # Each line short, few of them: only their sum is too much.
    line = b"X-Header: " + b"x" * 190 + b"\r\n"
    newcomer.send(HEAD[:-2] + line * 39)
    assert not newcomer.transport.ended
    newcomer.send(line * 3)
    assert newcomer.transport.ended or newcomer.transport.aborted
    newcomer.send(b"\r\n")
    assert newcomer.told == []


def test_a_head_of_one_segment_is_refused_beyond_8_kib_too(newcomer: Thing) -> None:
    newcomer.send(HEAD[:-2] + (b"X-Header: " + b"x" * 190 + b"\r\n") * 60 + b"\r\n")
    assert newcomer.told == []
    assert newcomer.transport.ended or newcomer.transport.aborted


def test_a_refused_device_that_stays_is_cut_off(newcomer: Thing, clock: Clock) -> None:
    newcomer.send(head_of("/nothing"))
    let_time_pass(newcomer, clock, 4)
    assert not newcomer.transport.aborted
    let_time_pass(newcomer, clock, 2)
    assert newcomer.transport.aborted


@pytest.mark.parametrize("said", [b"", b"G", HEAD[:-1]])
def test_a_handshake_has_5_seconds(newcomer: Thing, clock: Clock, said: bytes) -> None:
    newcomer.send(said)
    let_time_pass(newcomer, clock, 4.5)
    assert not newcomer.transport.aborted
    let_time_pass(newcomer, clock, 1)
    assert newcomer.transport.aborted


def test_a_handshake_byte_by_byte_wins_no_time(newcomer: Thing, clock: Clock) -> None:
    for byte in HEAD[:12]:
        newcomer.send(bytes([byte]))
        let_time_pass(newcomer, clock, 0.5)
    assert newcomer.transport.aborted


@pytest.mark.parametrize(("waited", "status"), [(7.9, 101), (8.1, 503)])
def test_a_handshake_that_waited_too_long_for_us_is_asked_to_come_again(
    newcomer: Thing, monkeypatch: pytest.MonkeyPatch, waited: float, status: int
) -> None:
    # In the kernel, while many others connected.
    monkeypatch.setattr(rate_limited_reader, "seconds_since_last_data", lambda _socket: waited)
    newcomer.send(HEAD)
    assert newcomer.http_status == status
    assert ("Retry-After: 5" in newcomer.http_head) is (status == 503)


def test_a_stopping_gateway_takes_nobody(context: ConnectionContext, newcomer: Thing) -> None:
    context.draining = True
    newcomer.send(HEAD)
    assert newcomer.http_status == 503
    assert "Retry-After: 1" in newcomer.http_head
    assert newcomer.told == []


def test_a_wrong_path_is_a_404_on_a_stopping_gateway_too(
    context: ConnectionContext, newcomer: Thing
) -> None:
    context.draining = True
    newcomer.send(head_of("/nothing"))
    assert newcomer.http_status == 404


def test_as_many_as_may_be_connected_are_and_the_next_is_not(clock: Clock) -> None:
    context = context_of(clock, max_connections=2)
    things = [Thing(context) for _ in range(2)]
    for thing in things:
        thing.send(HEAD)
    assert [thing.http_status for thing in things] == [101, 101]
    one_more = Thing(context)
    one_more.send(HEAD)
    assert one_more.http_status == 503
    assert "Retry-After: 5" in one_more.http_head
    one_more.vanish()
    things[0].vanish()
    another = Thing(context)
    another.send(HEAD)
    assert another.http_status == 101


def test_while_many_wait_for_the_directory_nobody_else_is_taken(clock: Clock) -> None:
    context = context_of(clock, max_waiting=1)
    first, second = Thing(context), Thing(context)
    first.send(HEAD)
    context.waiting.add(first.connection)
    second.send(HEAD)
    assert second.http_status == 503
    assert "Retry-After: 5" in second.http_head
    first.vanish()
    third = Thing(context)
    third.send(HEAD)
    assert third.http_status == 101


def test_beyond_the_files_there_are_a_connection_is_cut_off_at_once(
    context: ConnectionContext, clock: Clock
) -> None:
    context.most_sockets = 1
    first, second = Thing(context), Thing(context)
    assert (first.transport.aborted, second.transport.aborted) == (0, 1)
    second.vanish()
    third = Thing(context)
    assert third.transport.aborted == 1
    third.vanish()
    first.send(HEAD)
    assert first.http_status == 101
    let_time_pass(first, clock, 8)
    assert (first.transport.aborted, second.transport.aborted) == (0, 1)


# Credentials.


class Waiting:
    """An authenticator that takes its time: the test judges."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.applicant: PendingHandshake | None = None

    def __call__(self, applicant: PendingHandshake, device_id: str, secret: SecretStr) -> None:
        self.asked.append((device_id, secret.get_secret_value()))
        self.applicant = applicant

    def judge(self, *, admitted: bool) -> None:
        assert self.applicant is not None
        self.applicant.on_auth_result(admitted=admitted)


@pytest.fixture
def authenticator() -> Waiting:
    return Waiting()


@pytest.fixture
def applicant(context: ConnectionContext, authenticator: Waiting) -> Thing:
    """A device whose handshake waits for a judgement, and that said something already."""
    thing = Thing(context, authenticator)
    thing.send(head_of("/things/t1", "Authorization: Bearer s3cret") + frame_of(TEXT, b"first"))
    return thing


def test_a_handshake_is_not_answered_before_it_is_judged(
    applicant: Thing, authenticator: Waiting
) -> None:
    assert authenticator.asked == [("t1", "s3cret")]
    assert applicant.transport.written == b""
    assert applicant.told == []
    assert applicant.messages == []
    assert not applicant.transport.reading


def test_one_that_is_admitted_is_heard_from_its_first_frame_on(
    applicant: Thing, authenticator: Waiting
) -> None:
    authenticator.judge(admitted=True)
    applicant.say(b"second")
    assert applicant.http_status == 101
    assert applicant.told == ["opened t1"]
    assert applicant.messages == [b"first", b"second"]
    assert applicant.transport.reading


def test_one_that_is_not_admitted_gets_a_401_and_is_not_heard(
    applicant: Thing, authenticator: Waiting
) -> None:
    authenticator.judge(admitted=False)
    assert applicant.http_status == 401
    assert not applicant.handshake.is_pending
    assert 'WWW-Authenticate: Basic realm="chargelight"' in applicant.http_head
    assert applicant.transport.ended
    assert applicant.told == []
    assert applicant.messages == []


def test_one_that_was_sent_away_may_leave_at_once(applicant: Thing, authenticator: Waiting) -> None:
    # Its end of the stream is heard of only while the transport reads.
    authenticator.judge(admitted=False)
    assert applicant.transport.reading


def test_a_judgement_counts_once(applicant: Thing, authenticator: Waiting) -> None:
    authenticator.judge(admitted=True)
    authenticator.judge(admitted=False)
    authenticator.judge(admitted=True)
    assert applicant.http_status == 101
    assert applicant.told == ["opened t1"]
    assert applicant.messages == [b"first"]
    assert not applicant.transport.ended


def test_a_judgement_of_one_that_left_is_void(applicant: Thing, authenticator: Waiting) -> None:
    applicant.vanish()
    authenticator.judge(admitted=True)
    assert applicant.transport.written == b""
    assert applicant.told == []
    assert not applicant.context.connections


def test_one_that_nobody_can_judge_is_asked_to_come_again(
    applicant: Thing, authenticator: Waiting, clock: Clock
) -> None:
    let_time_pass(applicant, clock, 5.5)
    assert applicant.http_status == 503
    assert "Retry-After: 5" in applicant.http_head
    assert applicant.transport.reading
    authenticator.judge(admitted=True)
    assert applicant.told == []
    let_time_pass(applicant, clock, 6)
    assert applicant.transport.aborted


def test_one_that_can_not_be_judged_yet_counts_among_those_that_wait(
    applicant: Thing, authenticator: Waiting
) -> None:
    connection = authenticator.applicant
    assert connection is not None
    connection.on_auth_deferred()
    assert applicant.context.waiting == {connection}
    authenticator.judge(admitted=True)
    assert not applicant.context.waiting
    connection.on_auth_deferred()  # said too late
    assert not applicant.context.waiting


def test_one_that_left_undecided_waits_no_more(applicant: Thing, authenticator: Waiting) -> None:
    assert authenticator.applicant is not None
    authenticator.applicant.on_auth_deferred()
    applicant.vanish()
    assert not applicant.context.waiting


def test_nobody_is_let_in_while_the_gateway_drains(
    applicant: Thing, authenticator: Waiting
) -> None:
    applicant.context.draining = True
    authenticator.judge(admitted=True)
    assert applicant.http_status == 503
    assert applicant.told == []
    assert applicant.transport.reading


def test_beyond_those_that_may_wait_the_undecided_are_asked_to_come_again(clock: Clock) -> None:
    # They all came in before the first of them was found undecided.
    context, crowd = context_of(clock, max_waiting=2), []
    for _ in range(4):
        authenticator = Waiting()
        thing = Thing(context, authenticator)
        thing.send(HEAD)
        crowd.append((thing, authenticator.applicant))
    for _ in range(2):  # once more changes nothing
        for _, applicant in crowd:
            assert applicant is not None
            applicant.on_auth_deferred()
    assert [thing.http_status for thing, _ in crowd] == [0, 0, 503, 503]
    assert len(context.waiting) == 2
    late = Thing(context, Waiting())
    late.send(HEAD)
    assert late.http_status == 503


def test_one_whose_time_is_over_waits_no_more(
    applicant: Thing, authenticator: Waiting, clock: Clock
) -> None:
    assert authenticator.applicant is not None
    authenticator.applicant.on_auth_deferred()
    let_time_pass(applicant, clock, 5.5)
    assert applicant.http_status == 503
    assert not applicant.context.waiting


def test_nobody_piles_up_bytes_before_being_judged(
    context: ConnectionContext, authenticator: Waiting
) -> None:
    thing = Thing(context, authenticator)
    thing.send(HEAD + frame_of(TEXT, b"x" * 100) * 200)
    assert len(thing.handshake._early) < 1024
    authenticator.judge(admitted=True)
    thing.arrive()
    assert thing.messages == [b"x" * 100] * 200


def test_the_largest_message_there_is_may_come_before_the_judgement(
    context: ConnectionContext, authenticator: Waiting
) -> None:
    thing = Thing(context, authenticator)
    message = b"x" * 1024
    thing.send(HEAD + frame_of(TEXT, message))
    authenticator.judge(admitted=True)
    thing.arrive()
    assert thing.messages == [message]


def test_what_a_refused_device_sent_is_not_kept(applicant: Thing, authenticator: Waiting) -> None:
    assert applicant.handshake._early
    authenticator.judge(admitted=False)
    assert applicant.handshake._early == b""


def test_one_that_is_refused_anyway_is_not_judged(
    context: ConnectionContext, authenticator: Waiting
) -> None:
    thing = Thing(context, authenticator)
    thing.send(head_of("/nothing", "Authorization: Bearer s3cret"))
    assert thing.http_status == 404
    assert authenticator.asked == []


def test_an_admitted_handshake_that_is_none_is_refused(
    context: ConnectionContext, authenticator: Waiting
) -> None:
    thing = Thing(context, authenticator)
    thing.send(HEAD.replace(b"Sec-WebSocket-Key", b"X-Key"))
    authenticator.judge(admitted=True)
    assert thing.http_status == 400
    assert thing.told == []


# Frames.


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
        b'{"event":"error","data":{"code":"not_text","message":"messages are text, not binary"}}'
    ]
    assert thing.messages == [b"text"]


def test_an_error_event_is_json_whatever_its_text(thing: Thing) -> None:
    thing.say(b"bad")
    (answer,) = thing.got(TEXT)
    assert answer == (
        b'{"event":"error","data":{"code":"not_json","message":"say \\"good\\"\\\\"}}'
    )
    assert json.loads(answer)["data"]["message"] == 'say "good"\\'


def test_a_bad_frame_costs_nothing_more(thing: Thing) -> None:
    thing.say(b"bad")
    thing.say(b"good")
    assert thing.messages == [b"good"]
    assert thing.close_code is None


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
    assert thing.close_code is None


def test_a_flood_of_bad_frames_in_one_segment_is_closed(thing: Thing) -> None:
    thing.send(frame_of(BINARY, b"x") * 100 + frame_of(TEXT, b"late"))
    assert len(thing.got(TEXT)) == 20
    assert thing.close_code == CloseCode.POLICY
    assert thing.messages == []


def test_text_that_is_no_utf_8_closes_with_1007(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"\xff") + frame_of(TEXT, b"late"))
    assert thing.close_code == 1007
    assert thing.messages == []


def test_a_message_over_1_kib_closes_with_1009(thing: Thing) -> None:
    thing.say(b"[" * 5000)
    assert thing.close_code == CloseCode.TOO_BIG
    assert thing.transport.ended


def test_seventeen_fragments_close_with_1009(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"x", fin=False) + frame_of(CONT, b"", fin=False) * 16)
    assert thing.close_code == CloseCode.TOO_BIG
    assert thing.messages == []


def test_a_ping_is_answered_with_its_payload(thing: Thing) -> None:
    thing.ping(b"")
    thing.ping(b"x" * 125)
    assert thing.got(PONG) == [b"", b"x" * 125]


def test_a_pong_reaches_the_connection(thing: Thing) -> None:
    thing.send(frame_of(PONG, b"here"))
    assert thing.told == ["opened t1", "pong here"]


# Closing.


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


def test_data_after_the_devices_close_is_ignored(thing: Thing) -> None:
    thing.send(close_of())
    thing.say(b"late")
    thing.send(close_of() + frame_of(TEXT, b"later"))
    assert thing.messages == []
    assert [frame.opcode for frame in thing.frames] == [Opcode.CLOSE]
    assert thing.transport.ended


def test_what_came_before_a_close_in_its_segment_counts(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"the last one") + close_of() + frame_of(TEXT, b"late"))
    assert thing.messages == [b"the last one"]
    assert thing.close_code == 1000


def test_what_came_before_a_broken_frame_in_its_segment_counts(thing: Thing) -> None:
    thing.send(frame_of(TEXT, b"the last one") + b"\xff\xff\xff\xff")
    assert thing.messages == [b"the last one"]
    assert thing.close_code == 1002


def test_a_whole_visit_in_one_segment_counts(newcomer: Thing) -> None:
    newcomer.send(HEAD + frame_of(TEXT, b"hello") + close_of(1001))
    assert newcomer.messages == [b"hello"]
    assert newcomer.close_code == 1001


def test_a_close_from_the_device_is_answered_and_the_stream_ended(thing: Thing) -> None:
    thing.send(close_of(4000))
    assert thing.close_code == 4000
    assert thing.transport.ended
    assert not thing.connection.is_open


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


# Being there and being gone.


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


# A device that does not read.


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
