"""Any frames, in any pieces: what counts and what is answered is what a simple model says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import wire
from tests.fuzz.frames_target import TEXTS, TOKENS, FramesTarget
from tests.fuzz.readings_target import reading
from tests.fuzz.reference import Device, Storing, expect
from tests.fuzz.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, ViolationError, device_frame

target = FramesTarget()
plans = st.binary(min_size=2, max_size=2)
payloads = (
    st.sampled_from(TEXTS)
    | st.integers(-1, 101).map(lambda level: reading(b"%d" % level))
    | st.sampled_from([125, 126, 1023, 1024, 1025]).map(lambda size: reading(b"70").ljust(size))
    | st.binary(max_size=130)
)
masks = st.just(b"\0\0\0\0") | st.binary(min_size=4, max_size=4)
frames = st.builds(
    device_frame,
    st.sampled_from([TEXT, TEXT, TEXT, CONT, CONT, BINARY, PING, PONG, CLOSE]),
    payloads,
    fin=st.booleans(),
    mask=masks,
)
odd_frames = st.builds(
    device_frame,
    st.integers(0, 15),
    payloads,
    fin=st.booleans(),
    reserved=st.integers(0, 7),
    mask=st.none() | masks,
    length_bytes=st.sampled_from([None, 2, 8]),
)
streams = st.lists(frames | st.sampled_from(TOKENS) | odd_frames, max_size=30).map(b"".join)


@settings(max_examples=800)
@given(plans, streams, st.binary(max_size=10))
def test_whatever_frames_a_device_sends_are_taken_as_the_model_says(
    plan: bytes, stream: bytes, rest: bytes
) -> None:
    target(plan + stream + rest)


# The model, and what reads what is written: they have to notice.


@pytest.mark.parametrize(
    "written",
    [
        b"\x81",  # half a head
        b"\x81\x02x",  # half a payload
        b"\x01\x01x",  # a fragment
        b"\xc1\x01x",  # a reserved bit
        b"\x82\x01x",  # binary
        b"\x83\x00",  # an opcode that there is not
        b"\x81\x81\0\0\0\0x",  # a mask
        b"\x81\x7e\x00\x01x",  # a length longer than it need be
        b"\x89\x7e\x00\x7e" + b"x" * 126,  # a ping that is too long
    ],
)
def test_what_no_server_may_write_is_noticed(written: bytes) -> None:
    with pytest.raises(ViolationError):
        list(wire.written_frames(written))


@pytest.mark.parametrize(
    ("stream", "readings", "codes"),
    [
        (b"", [], set()),
        (device_frame(TEXT, reading(b"70"))[:-1], [], set()),
        (device_frame(TEXT, reading(b"70")), [70], set()),
        (device_frame(TEXT, reading(b"70"), mask=b"abcd"), [70], set()),
        (device_frame(TEXT, reading(b"70"), length_bytes=8), [70], set()),
        (device_frame(TEXT, reading(b"70"), mask=None), [], {1002}),
        (device_frame(TEXT, reading(b"70"), reserved=1), [], {1002}),
        (device_frame(TEXT, reading(b"70").ljust(1025)), [], {1009}),
        (device_frame(TEXT, b"\xff"), [], {1007}),
        (device_frame(TEXT, b"bad") * 21, [], {1008}),
        (device_frame(CLOSE, b"\x03\xe9"), [], {1001}),
        (device_frame(CLOSE), [], {1005}),
        (device_frame(CLOSE, b"\x03\xed"), [], {1002}),
        (device_frame(PING, b"x" * 126), [], {1002}),
    ],
)
def test_the_model_reads_frames_as_the_standard_says(
    stream: bytes, readings: list[float], codes: set[int]
) -> None:
    expected = expect(stream, Device.CHARGER, Storing.AT_ONCE)
    assert expected.readings == readings
    assert expected.closing.codes == codes
