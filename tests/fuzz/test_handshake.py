"""Any bytes before a connection is open, in any pieces: who comes in, and what others hear."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import wire
from tests.fuzz.handshake_target import DOCUMENTED, SEEDS, TOKENS, HandshakeTarget, judged
from tests.fuzz.reference import Device
from tests.fuzz.wire import ViolationError
from tests.unit.gateway.fake_device import head_of

target = HandshakeTarget()
plans = st.binary(min_size=2, max_size=2)
pieces = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=20), max_size=20).map(b"".join)


@settings(max_examples=400)
@given(plans, pieces)
def test_whatever_else_comes_is_no_handshake(plan: bytes, stream: bytes) -> None:
    target(plan + stream)


def test_all_that_a_device_can_be_refused_with_is_tried() -> None:
    outcomes = {outcome for data in SEEDS for outcome in target(data)}
    refused = {int(outcome.split()[1]) for outcome in outcomes if outcome.startswith("refused")}
    assert refused == DOCUMENTED
    assert "opened, readings counted" in outcomes


# The judgement, and what reads an answer: they have to notice.


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"HTTP/1.1 404",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 404 Not Found\r\nX: 1\r\nX: 2\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nX: \xff\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_noticed(written: bytes) -> None:
    with pytest.raises(ViolationError):
        wire.answer_in(written)


@pytest.mark.parametrize(
    ("head", "judgement"),
    [
        (head_of("/chargers/c1"), ("c1", True)),
        (head_of("/chargers/c1", "X-Plain: 1"), ("c1", True)),
        (head_of("/chargers/c1", "Sec-WebSocket-Protocol: odd"), ("c1", False)),
        (head_of("/chargers/c1", "Origin: x"), (None, False)),
        (head_of("/chargers/c1", "Origin: file://"), ("c1", False)),
        (head_of("/chargers/c1", "Origin: http://127.0.0.1:3100"), ("c1", False)),
        (head_of("http://h/chargers//c%2D1"), ("c-1", True)),
        (head_of("//chargers/c1/"), (None, False)),
        (head_of("/chargers/c1", "Upgrade: h2c"), (None, False)),
        (head_of("/chargers/c1%20"), (None, False)),
        (head_of("/widgets/w1"), (None, False)),
        (head_of("/chargers/c1")[:-1], (None, False)),
        (head_of("/chargers/c1").replace(b"13", b"12"), (None, False)),
    ],
)
def test_who_may_connect_is_decided_as_the_protocol_says(
    head: bytes, judgement: tuple[str | None, bool]
) -> None:
    assert judged(head, Device.CHARGER) == judgement
