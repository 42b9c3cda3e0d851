"""A handshake, from its first byte to its answer, on a transport that only records."""

import pytest
from websockets.frames import Opcode

from services.gateway import metrics
from services.gateway.auth.authenticator import PendingHandshake
from services.gateway.auth.credentials import Presented
from services.gateway.connection import rate_limited_reader
from services.gateway.connection.connection_context import ConnectionContext
from tests.fixtures.observations import observing
from tests.unit.gateway.connection.thing import HEAD, Thing, let_time_pass
from tests.unit.gateway.fake_device import Clock, context_of, frame_of, head_of

TEXT, PING, PONG = Opcode.TEXT, Opcode.PING, Opcode.PONG


def test_a_handshake_is_accepted(thing: Thing) -> None:
    assert thing.http_status == 101
    assert "Sec-WebSocket-Extensions" not in thing.http_head
    assert thing.told == ["opened t1"]
    assert thing.connection.is_open


def test_compression_that_a_device_offers_is_not_taken(newcomer: Thing) -> None:
    newcomer.send(head_of("/things/t1", "Sec-WebSocket-Extensions: permessage-deflate"))
    assert newcomer.http_status == 101
    assert "Extensions" not in newcomer.http_head


def test_frames_in_the_same_segment_as_the_handshake_count_and_are_answered_after_it(
    newcomer: Thing,
) -> None:
    newcomer.send(HEAD + frame_of(TEXT, b"1") + frame_of(PING, b"2") + frame_of(TEXT, b"3"))
    assert newcomer.messages == [b"1", b"3"]
    assert newcomer.told == ["opened t1"]
    assert newcomer.http_status == 101
    assert newcomer.got(PONG) == [b"2"]


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


CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def with_line(line: bytes) -> bytes:
    """Return a head with one more line in the middle."""
    return HEAD.replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\n" + line + b"\r\n")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (CLIENT_HELLO, "plain ws://, not TLS"),
        (CLIENT_HELLO[:2], "plain ws://, not TLS"),
        (b"PROXY TCP4 10.0.0.7 10.0.0.5 50000 3100\r\n" + HEAD, "takes no PROXY line"),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11", "takes no PROXY line"),
        (b"hello\r\n\r\n", "the first line must be: GET /path HTTP/1.1"),
        (HEAD.replace(b"HTTP/1.1", b"HTTP/2.0"), "the first line must be: GET /path HTTP/1.1"),
        (HEAD.replace(b"t1", b"t\xe4"), "the first line must be: GET /path HTTP/1.1"),
        (with_line(b"X-Long: a\r\n folded"), "a header must stand on one line"),
        (with_line(b"X-Long: a\r\n\tfolded"), "a header must stand on one line"),
        (with_line(b"Content-Length: 2"), "leave out Content-Length"),
        (with_line(b"content-length:\t00"), "leave out Content-Length"),
        (with_line(b"Transfer-Encoding: chunked"), "leave out Content-Length"),
        (with_line(b"X-Odd: s3cret\x00"), "byte 0x00 at position 75"),
        (with_line(b"X-Odd: s3cret\x7f"), "byte 0x7f at position 75"),
        (with_line(b"X-Odd: s3cret\r"), "byte 0x0d at position 75"),
        (HEAD.replace(b"\r\n", b"\n"), "the first line must be"),
        (with_line(b"X-Odd: s3cret\nX: 1"), "byte 0x0a at position 75"),
        (HEAD[:-2] + b"\n", "byte 0x0a at position "),
        (with_line(b"s3cret"), "Name: value"),
        (with_line(b"X-Odd : s3cret"), "Name: value"),
        (with_line(b": s3cret"), "Name: value"),
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_http_that_is_none_gets_400_and_a_sentence_that_repeats_nothing(
    newcomer: Thing, head: bytes, sentence: str, *, in_pieces: bool
) -> None:
    for piece in (head[n : n + 1] for n in range(len(head))) if in_pieces else [head]:
        newcomer.send(piece)
    assert newcomer.http_status == 400
    body = bytes(newcomer.transport.written).partition(b"\r\n\r\n")[2].decode()
    assert sentence in body
    assert "s3cret" not in body
    assert newcomer.transport.ended
    assert newcomer.told == []


@pytest.mark.parametrize(
    ("head", "status"),
    [(HEAD.replace(b"GET", b"POST"), 405), (HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"), 505)],
)
def test_http_that_is_no_websocket_handshake_gets_its_status(
    newcomer: Thing, head: bytes, status: int
) -> None:
    newcomer.send(head)
    assert newcomer.http_status == status
    assert newcomer.transport.ended
    assert newcomer.told == []


@pytest.mark.parametrize(
    "length", [b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 0"]
)
def test_a_length_of_0_is_no_body(newcomer: Thing, length: bytes) -> None:
    newcomer.send(with_line(length))
    assert newcomer.http_status == 101


@pytest.mark.parametrize("offered", ["arduino", "chat, superchat", "ocpp1.6"])
def test_a_subprotocol_that_is_not_known_is_never_echoed(newcomer: Thing, offered: str) -> None:
    newcomer.send(head_of("/things/t1", f"Sec-WebSocket-Protocol: {offered}"))
    assert newcomer.http_status == 101
    assert "protocol" not in newcomer.http_head.lower().replace("switching protocols", "")


def test_a_head_is_refused_beyond_8_kib(newcomer: Thing, context: ConnectionContext) -> None:
    # Each line short, few of them: only their sum is too much.
    line = b"X-Header: " + b"x" * 190 + b"\r\n"
    newcomer.send(HEAD[:-2] + line * 39)
    assert not newcomer.transport.ended
    newcomer.send(line * 3)
    assert newcomer.transport.ended or newcomer.transport.aborted
    newcomer.send(b"\r\n")
    in_one_segment = Thing(context)
    in_one_segment.send(HEAD[:-2] + line * 60 + b"\r\n")
    assert in_one_segment.transport.ended or in_one_segment.transport.aborted
    assert newcomer.told == in_one_segment.told == []


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


def test_how_long_a_handshake_took_is_measured_with_all_waiting(
    newcomer: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limited_reader, "seconds_since_last_data", lambda _socket: 3.0)
    with observing(metrics.HANDSHAKE_SECONDS) as taken:
        newcomer.send(HEAD)
    assert (taken.count, taken.total) == (1, 3.0)


@pytest.mark.parametrize(("head", "status"), [(HEAD, 503), (head_of("/nothing"), 404)])
def test_a_stopping_gateway_accepts_no_handshake(
    context: ConnectionContext, newcomer: Thing, head: bytes, status: int
) -> None:
    context.draining = True
    newcomer.send(head)
    assert newcomer.http_status == status
    assert ("Retry-After: 1" in newcomer.http_head) is (status == 503)
    assert newcomer.told == []


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


def test_beyond_the_files_there_are_no_connected_device_is_cut_off(
    context: ConnectionContext,
) -> None:
    context.most_sockets = 1
    connected = Thing(context)
    connected.send(HEAD)
    newcomer = Thing(context)
    assert (connected.transport.aborted, newcomer.transport.aborted) == (0, 1)


def test_beyond_the_files_there_are_none_is_cut_off_that_waits_for_us(
    context: ConnectionContext,
) -> None:
    context.most_sockets = 1
    waiting = Thing(context, Waiting())
    waiting.send(HEAD)
    newcomer = Thing(context)
    assert (waiting.transport.aborted, newcomer.transport.aborted) == (0, 1)


# Credentials.


class Waiting:
    """An authenticator that takes its time: the test decides."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.applicant: PendingHandshake | None = None

    def __call__(self, applicant: PendingHandshake, device_id: str, presented: Presented) -> None:
        self.asked.append((device_id, presented.secret.get_secret_value()))
        self.applicant = applicant

    def admit(self, *, admitted: bool = True) -> None:
        assert self.applicant is not None
        self.applicant.on_auth_result(admitted=admitted)

    def refuse(self) -> None:
        self.admit(admitted=False)


@pytest.fixture
def authenticator() -> Waiting:
    return Waiting()


@pytest.fixture
def applicant(context: ConnectionContext, authenticator: Waiting) -> Thing:
    """A device whose handshake waits for the result, and that sent a frame already."""
    thing = Thing(context, authenticator)
    thing.send(head_of("/things/t1", "Authorization: Bearer s3cret") + frame_of(TEXT, b"first"))
    return thing


def test_a_handshake_is_not_answered_before_it_is_authenticated(
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
    authenticator.admit()
    applicant.say(b"second")
    assert applicant.http_status == 101
    assert applicant.told == ["opened t1"]
    assert applicant.messages == [b"first", b"second"]
    assert applicant.transport.reading


def test_one_that_is_not_admitted_gets_a_401_and_is_not_heard(
    applicant: Thing, authenticator: Waiting
) -> None:
    assert applicant.handshake._early
    authenticator.refuse()
    assert applicant.handshake._early == b""
    assert applicant.http_status == 401
    assert not applicant.handshake.is_pending
    # The end of its stream is noticed only while the transport reads.
    assert applicant.transport.reading
    assert 'WWW-Authenticate: Basic realm="chargelight"' in applicant.http_head
    assert applicant.transport.ended
    assert applicant.told == []
    assert applicant.messages == []


def test_a_result_counts_once(applicant: Thing, authenticator: Waiting) -> None:
    authenticator.admit()
    authenticator.refuse()
    authenticator.admit()
    assert applicant.http_status == 101
    assert applicant.told == ["opened t1"]
    assert applicant.messages == [b"first"]
    assert not applicant.transport.ended


def test_a_result_for_one_that_left_is_void(applicant: Thing, authenticator: Waiting) -> None:
    applicant.vanish()
    authenticator.admit()
    assert applicant.transport.written == b""
    assert applicant.told == []
    assert not applicant.context.connections


def test_one_without_a_result_is_asked_to_come_again(
    applicant: Thing, authenticator: Waiting, clock: Clock
) -> None:
    let_time_pass(applicant, clock, 5.5)
    assert applicant.http_status == 503
    assert "Retry-After: 5" in applicant.http_head
    assert applicant.transport.reading
    authenticator.admit()
    assert applicant.told == []
    let_time_pass(applicant, clock, 6)
    assert applicant.transport.aborted


def test_a_deferred_handshake_counts_among_those_that_wait(
    applicant: Thing, authenticator: Waiting
) -> None:
    connection = authenticator.applicant
    assert connection is not None
    connection.on_auth_deferred()
    assert applicant.context.waiting == {connection}
    authenticator.admit()
    assert not applicant.context.waiting
    connection.on_auth_deferred()  # said too late
    assert not applicant.context.waiting


def test_nobody_is_let_in_while_the_gateway_drains(
    applicant: Thing, authenticator: Waiting
) -> None:
    applicant.context.draining = True
    authenticator.admit()
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


@pytest.mark.parametrize("leaves", [True, False])
def test_a_deferred_handshake_that_ends_waits_no_more(
    applicant: Thing, authenticator: Waiting, clock: Clock, *, leaves: bool
) -> None:
    assert authenticator.applicant is not None
    authenticator.applicant.on_auth_deferred()
    if leaves:
        applicant.vanish()
    else:
        let_time_pass(applicant, clock, 5.5)
        assert applicant.http_status == 503
    assert not applicant.context.waiting


@pytest.mark.parametrize(("size", "number"), [(100, 200), (1024, 1)])
def test_all_that_comes_before_the_result_counts_and_little_of_it_is_kept(
    context: ConnectionContext, authenticator: Waiting, size: int, number: int
) -> None:
    thing = Thing(context, authenticator)
    thing.send(HEAD + frame_of(TEXT, b"x" * size) * number)
    assert len(thing.handshake._early) < 1024 or number == 1
    authenticator.admit()
    thing.arrive()
    assert thing.messages == [b"x" * size] * number


def test_one_that_is_refused_anyway_is_not_authenticated(
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
    authenticator.admit()
    assert thing.http_status == 400
    assert thing.told == []


def test_a_device_that_does_not_read_its_answer_is_not_read_from_until_it_does(
    applicant: Thing, authenticator: Waiting
) -> None:
    # The transport says it to the handshake, and takes it back from the connection.
    applicant.protocol.pause_writing()
    authenticator.admit()
    assert not applicant.open_connection.writable
    assert not applicant.transport.reading
    applicant.protocol.resume_writing()
    assert applicant.open_connection.writable
    assert applicant.transport.reading
    assert applicant.told == ["opened t1", "writable"]


def test_a_handshake_that_was_handed_over_has_no_deadline(thing: Thing, clock: Clock) -> None:
    let_time_pass(thing, clock, 11)
    assert not thing.transport.aborted
    assert thing.connection.is_open
