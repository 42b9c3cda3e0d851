"""What a gateway has to make of a device's frames: a simple model, one frame after the other.

It is written from RFC 6455 and docs/protocol.md, shares no code with the gateway (except
for the texts of its answers) and takes no care of speed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from tests.fuzz import wire
from tests.fuzz.readings_target import NOT_TEXT, judged

MOST_BYTES: Final = 1024
MOST_FRAGMENTS: Final = 16
MOST_BAD: Final = 20
_CODES: Final = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""Close codes that may be sent (RFC 6455 section 7.4, and what IANA registered since)."""
_CONTROL: Final = {wire.CLOSE, wire.PING, wire.PONG}


class Device(Enum):
    """Who is connected."""

    CHARGER = "charger"
    WIDGET = "widget"


class Storing(Enum):
    """What becomes of readings."""

    AT_ONCE = "at once"
    NEVER = "never"
    AT_THE_END = "at the end"
    SUPERSEDES = "supersedes"
    """The first one shows that a newer connection counts: the next frame is refused."""
    REFUSES = "refuses"
    """As before, but the connection is refused at once."""


class Taken(NamedTuple):
    """A frame in the device's stream."""

    opcode: int
    fin: bool
    payload: bytes
    end: int
    """Where it ends in the stream."""


class Ended(NamedTuple):
    """Where the stream of frames ends."""

    codes: frozenset[int]
    """What the connection is closed with; empty if it stays open."""
    sure: bool = True
    """Whether it has to be closed by now: half a frame may be judged already, or not yet."""
    echo: bytes | None = None
    """The device's close frame, if that is the end."""
    end: int = 0


_OPEN: Final = Ended(frozenset())


def frames_in(stream: bytes) -> Iterator[Taken | Ended]:
    """Yield the frames in a stream, and at last its end."""
    at, message, fragments = 0, 0, 0
    while True:
        taken = _frame_at(stream, at, message, within_message=fragments > 0)
        if isinstance(taken, Ended):
            yield taken
            return
        at = taken.end
        if taken.opcode == wire.CLOSE:
            yield _closing(taken, within_message=fragments > 0)
            return
        if taken.opcode not in _CONTROL:
            fragments += 1
            message += len(taken.payload)
            if fragments > MOST_FRAGMENTS:
                yield Ended(frozenset({1009}), end=at)
                return
            if taken.fin:
                message, fragments = 0, 0
        yield taken


def _frame_at(stream: bytes, at: int, message: int, *, within_message: bool) -> Taken | Ended:
    if len(stream) < at + 2:
        return _OPEN
    first, second = stream[at : at + 2]
    opcode, size = first & 0x0F, second & 0x7F
    if opcode not in {wire.CONT, wire.TEXT, wire.BINARY, *_CONTROL} or second < 0x80:
        return Ended(frozenset({1002}), end=len(stream))
    start = at + 2 + {126: 2, 127: 8}.get(size, 0)
    if len(stream) >= start > at + 2:
        size = int.from_bytes(stream[at + 2 : start], "big")
    start, end = start + 4, start + 4 + size
    whole = len(stream) >= end
    is_control = opcode in _CONTROL
    misplaced = not is_control and (opcode == wire.CONT) != within_message
    control_broken = is_control and (first < 0x80 or size > wire.MOST_IN_CONTROL)
    is_broken = first & 0x70 or misplaced or control_broken
    if len(stream) >= start - 4 and size + (0 if is_control else message) > MOST_BYTES:
        # The head of a frame that is too big is enough; of one that is too big only
        # together with those before it, it may be. What is wrong besides may be said instead.
        codes = frozenset({1009, 1002} if is_broken else {1009})
        return Ended(codes, sure=whole or size > MOST_BYTES, end=len(stream))
    if is_broken:
        # It may be said at once, or when the frame is there.
        # A fragment of no message may also be said to be one too many.
        codes = frozenset({1002, 1009} if misplaced and opcode == wire.CONT else {1002})
        return Ended(codes, sure=whole, end=end)
    if not whole:
        return _OPEN
    payload = wire.masked(stream[start:end], stream[start - 4 : start])
    return Taken(opcode, first >= 0x80, payload, end)


def _closing(taken: Taken, *, within_message: bool) -> Ended:
    payload = taken.payload
    codes = set()
    if payload:
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or code not in _CODES:
            codes.add(1002)
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            codes.add(1007)
    if codes:
        return Ended(frozenset(codes), end=taken.end)
    # RFC 6455 allows it there (section 5.4), though a message is lost by it: an end
    # with 1002 is as good.
    also = {1002} if within_message else set()
    code = int.from_bytes(payload[:2], "big") if payload else 1005
    return Ended(frozenset({code} | also), echo=payload, end=taken.end)


@dataclass
class Expected:
    """What a gateway says and counts when frames come one by one."""

    readings: list[float] = field(default_factory=list)
    written: list[tuple[int, bytes]] = field(default_factory=list)
    """Pongs, and the codes of error events, in order."""
    late: list[tuple[int, bytes]] = field(default_factory=list)
    """What is written when readings are stored at the end, if it is open by then."""
    closing: Ended = _OPEN
    """How it ends."""
    stream: Ended = _OPEN
    """How the stream of frames ends, whatever they mean: what a gateway that gets them
    all at once may say instead."""
    cuts: list[int] = field(default_factory=list)
    """Where frames end."""
    is_debatable: bool = False
    """Something in it is nested so deeply that nobody can say what it is."""
    superseded: bool = False
    bad: int = 0
    first_ping: tuple[int, bytes] | None = None
    last_ping: tuple[int, bytes] | None = None
    stored: int = 0

    @property
    def ends_open(self) -> list[tuple[int, bytes]]:
        """All that is written if the connection stays open."""
        return self.written + self.late


def expect(stream: bytes, device: Device, storing: Storing) -> Expected:
    """Return what a gateway has to make of a stream of frames."""
    expected = Expected()
    model = _Model(expected, device, storing)
    for frame in frames_in(stream):
        expected.cuts.append(frame.end)
        if isinstance(frame, Ended):
            expected.stream = frame
            if not expected.closing.codes:
                expected.closing = frame
        elif not expected.closing.codes:
            model.take(frame)
    if storing is Storing.AT_THE_END:
        waiting = (expected.first_ping, expected.last_ping)
        expected.late = [(wire.PONG, ping[1]) for ping in waiting if ping is not None]
    return expected


class _Model:
    def __init__(self, expected: Expected, device: Device, storing: Storing) -> None:
        self.expected = expected
        self.device = device
        self.storing = storing
        self.message = b""
        self.is_text = True

    def take(self, frame: Taken) -> None:
        expected = self.expected
        if frame.opcode == wire.PONG:
            return
        if frame.opcode == wire.PING:
            self.ping(frame.payload)
            return
        if expected.superseded:
            self.close(4409)
            return
        if frame.opcode != wire.CONT:
            self.is_text, self.message = frame.opcode == wire.TEXT, b""
        self.message += frame.payload
        if frame.fin:
            self.message_came()

    def close(self, code: int) -> None:
        self.expected.closing = Ended(frozenset({code}))

    def ping(self, payload: bytes) -> None:
        expected = self.expected
        sequence = len(expected.readings)
        if self.device is Device.WIDGET or expected.stored == sequence:
            expected.written.append((wire.PONG, payload))
        elif expected.first_ping is None:
            expected.first_ping = (sequence, payload)
        else:
            expected.last_ping = (sequence, payload)

    def message_came(self) -> None:
        expected = self.expected
        if not self.is_text:
            self.bad("not_text")
        elif self.device is Device.WIDGET:
            self.bad("unexpected")
        else:
            outcome = judged(self.message)
            if outcome == NOT_TEXT:
                self.close(1007)
            elif isinstance(outcome, str):
                self.bad(outcome)
            elif outcome is None:
                expected.is_debatable = True
            else:
                self.reading(outcome)

    def bad(self, code: str) -> None:
        self.expected.bad += 1
        if self.expected.bad > MOST_BAD:
            self.close(1008)
        else:
            self.expected.written.append((wire.TEXT, code.encode()))

    def reading(self, level: float) -> None:
        expected = self.expected
        expected.bad = 0
        expected.readings.append(level)
        if self.storing is Storing.AT_ONCE:
            expected.stored = len(expected.readings)
        expected.superseded = self.storing in {Storing.SUPERSEDES, Storing.REFUSES}
        if self.storing is Storing.REFUSES:
            self.close(4409)


def error_code_in(payload: bytes) -> str:
    """Return the code in an error event.

    Raises:
        ViolationError: It is none, or none that is documented.
    """
    try:
        event = json.loads(payload)
        code = event["data"]["code"]
        message = event["data"]["message"]
    except (ValueError, TypeError, KeyError) as error:
        raise wire.ViolationError(f"no error event: {payload!r}") from error
    if event != {"event": "error", "data": {"code": code, "message": message}} or not message:
        raise wire.ViolationError(f"an error event with something else in it: {payload!r}")
    if code not in _ERROR_CODES:
        raise wire.ViolationError(f"an error event with an unknown code: {payload!r}")
    return str(code)


_ERROR_CODES: Final = {
    "not_text",
    "not_json",
    "unknown_event",
    "invalid_reading",
    "out_of_range",
    "unexpected",
}
