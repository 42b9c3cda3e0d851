"""The fast path: no device can tell it from the library's."""

from random import Random

import pytest

from services.gateway.connection import device_connection
from services.gateway.connection.fast_frames import HEAD_BYTES, is_empty_pong, short_message
from tests.fuzz.fast_frames_target import FastFramesTarget, LibraryConnection
from tests.fuzz.frames_target import SEEDS, Plan, heard_of
from tests.fuzz.gateway_end import Parts
from tests.fuzz.readings_target import reading
from tests.fuzz.reference import Device, Storing
from tests.fuzz.wire import CONT, PING, PONG, TEXT, ViolationError, device_frame

target = FastFramesTarget()
GOOD = device_frame(TEXT, reading(b"70"))


@pytest.mark.parametrize("size", [0, 1, 45, 125])
@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\x01\xff\x80\x7f"])
def test_a_short_message_is_taken_wherever_it_begins(size: int, mask: bytes) -> None:
    payload = bytes(range(size))
    frame = device_frame(TEXT, payload, mask=mask)
    assert len(frame) == HEAD_BYTES + size
    assert short_message(frame, 0) == payload
    assert short_message(b"xyz" + frame + b"rest", 3) == payload


@pytest.mark.parametrize(
    "frame",
    [
        device_frame(TEXT, b"x" * 126),
        device_frame(TEXT, b"x", mask=None),
        device_frame(TEXT, b"x", fin=False),
        device_frame(TEXT, b"x", reserved=4),
        device_frame(TEXT, b"x", length_bytes=2),
        device_frame(TEXT, b"x", length_bytes=8),
        device_frame(CONT, b"x"),
        device_frame(PING, b"x"),
    ],
)
def test_any_other_frame_is_left_to_the_library(frame: bytes) -> None:
    assert short_message(frame, 0) is None


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\x01\xff\x80\x7f"])
def test_an_empty_pong_is_taken_wherever_it_begins(mask: bytes) -> None:
    pong = device_frame(PONG, mask=mask)
    assert is_empty_pong(pong, 0)
    assert is_empty_pong(b"xyz" + pong + b"rest", 3)
    assert not any(is_empty_pong(pong[:length], 0) for length in range(len(pong)))


@pytest.mark.parametrize(
    "frame",
    [
        device_frame(PONG, b"x"),
        device_frame(PONG, mask=None) + b"rest",
        device_frame(PONG, fin=False),
        device_frame(PONG, reserved=1),
        device_frame(PONG, length_bytes=2),
        device_frame(PING),
        GOOD,
    ],
)
def test_any_other_frame_is_no_empty_pong(frame: bytes) -> None:
    assert not is_empty_pong(frame, 0)


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_frame_that_is_not_there_as_a_whole_is_left_to_the_library(length: int) -> None:
    assert short_message(GOOD[:length], 0) is None


def _any_text(data: bytes, start: int) -> bytes | None:
    """Take the first fragment of a message for a whole one."""
    if data[start : start + 1] == b"\x01":
        return short_message(b"\x81" + data[start + 1 :], 0)
    return short_message(data, start)


def _impatient(data: bytes, start: int) -> bytes | None:
    """Take a message that is not there as a whole."""
    return short_message(data + b"}" * 60, start) if len(data) > start else None


def _misread(data: bytes, start: int) -> bytes | None:
    """Take a message for another one."""
    message = short_message(data, start)
    return message and message.replace(b"0", b"1")


def test_the_library_alone_never_takes_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def used(data: bytes, start: int) -> bytes | None:
        raise AssertionError(f"{data!r} at {start}")

    monkeypatch.setattr(device_connection, "short_message", used)
    plan = Plan(Device.CHARGER, Storing.AT_ONCE, early=False, cut_seed=0, stream=b"")
    pieces = [GOOD, device_frame(PONG, b""), GOOD]
    assert heard_of(plan, iter(pieces), Parts(connection=LibraryConnection)).readings == [70, 70]
    with pytest.raises(AssertionError):
        heard_of(plan, iter(pieces))


@pytest.mark.parametrize("broken", [_any_text, _impatient, _misread])
def test_a_fast_path_that_takes_too_much_is_found(
    broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_connection, "short_message", broken)
    rng = Random(1)
    inputs = [*SEEDS, *(target.generate(rng) for _ in range(300))]
    with pytest.raises(ViolationError):
        all(target(data) is not None for data in inputs)
