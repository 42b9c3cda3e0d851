"""The target ``frames``: whatever may come behind a handshake, against a simple model."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from services.gateway.chargers.charger_connection import ChargerConnection
from tests.fuzz import wire
from tests.fuzz.gateway_end import GatewayEnd, Parts
from tests.fuzz.readings_target import ReadingsTarget, reading
from tests.fuzz.reference import Device, Expected, Storing, error_code_in, expect
from tests.fuzz.target import MOST_BYTES, check, choices, cut
from tests.fuzz.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, device_frame
from tests.unit.gateway.fake_device import head_of

_HEADS: Final = {Device.CHARGER: head_of("/chargers/c1"), Device.WIDGET: head_of("/widgets/w1")}
_STORING: Final = tuple(Storing)


class Plan(NamedTuple):
    """How the bytes of an input are used: the first two say how the rest arrives."""

    device: Device
    storing: Storing
    early: bool
    """Whether the first bytes come in one segment with the handshake."""
    cut_seed: int
    stream: bytes

    @classmethod
    def of(cls, data: bytes) -> "Plan":
        """Read a plan; there is one in any bytes."""
        first, second = (data + b"\0\0")[:2]
        device = Device.WIDGET if first & 0x80 else Device.CHARGER
        storing = _STORING[(first & 0x3F) % len(_STORING)]
        return cls(device, storing, bool(first & 0x40), second, data[2:])


class Heard(NamedTuple):
    """What the device heard, and what of it counted."""

    readings: list[float]
    written: list[tuple[int, bytes]]
    """As in `Expected`: pongs, and the codes of error events."""
    closed: bytes | None
    """The payload of the close frame."""
    ended: bool

    @property
    def code(self) -> int | None:
        """The code of the close frame: 1005 for one without."""
        if self.closed is None:
            return None
        return int.from_bytes(self.closed[:2], "big") if self.closed else 1005


class FramesTarget:
    """The frames of a device whose handshake was good.

    They arrive frame by frame, which has to give exactly what the model says, and once
    more cut as the input wants it.
    """

    def __init__(self, parts: Parts = Parts()) -> None:  # noqa: B008 - it never changes
        self._parts = parts
        self.seeds: Sequence[bytes] = SEEDS
        self.tokens: Sequence[bytes] = TOKENS
        self._readings = ReadingsTarget()

    def __call__(self, data: bytes) -> Iterable[str]:
        """Run one stream of frames."""
        plan = Plan.of(data)
        expected = expect(plan.stream, plan.device, plan.storing)
        if expected.is_debatable:
            return ["nested deeply"]
        one_by_one = list(at(plan.stream, expected.cuts))
        alone = heard_of(plan, iter(one_by_one), self._parts)
        _check_alone(alone, expected)
        pieces = list(cut(plan.stream, plan.cut_seed))
        if pieces != one_by_one:
            _check_cut(heard_of(plan, iter(pieces), self._parts), expected)
        return set(outcomes(alone))

    def generate(self, rng: Random) -> bytes:
        """Return a plan and a stream: mostly good frames, in their order or out of it."""
        device = 0x80 if rng.random() < 0.2 else 0
        plan = bytes([device | rng.randrange(128), rng.choice((0, 0, 1, rng.randrange(256)))])
        stream = bytearray()
        for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5, 8)) if rng.random() < 0.96 else 30):
            stream += choices(
                rng,
                [
                    (8, lambda: self._message(rng)),
                    (3, lambda: _control(rng)),
                    (1, lambda: _any_frame(rng)),
                    (1, lambda: rng.choice(TOKENS)),
                ],
            )
        if rng.random() < 0.1:
            del stream[rng.randint(0, len(stream)) :]
        if rng.random() < 0.1:
            stream += rng.randbytes(rng.randint(1, 20))
        return plan + stream[:MOST_BYTES]

    def _message(self, rng: Random) -> bytes:
        """Return a message, perhaps in fragments with control frames in between."""
        opcode = TEXT if rng.random() < 0.9 else BINARY
        payload = self._payload(rng)
        parts = rng.choice((1, 1, 1, 2, 3, 15, 16, 17)) if rng.random() < 0.5 else 1
        cuts = sorted(rng.randint(0, len(payload)) for _ in range(parts - 1))
        pieces = [
            payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)
        ]
        frames = bytearray()
        for number, piece in enumerate(pieces):
            frames += device_frame(
                CONT if number else opcode,
                piece,
                fin=number == len(pieces) - 1,
                mask=_mask(rng),
                length_bytes=_length_bytes(rng, len(piece)),
            )
            if rng.random() < 0.1:
                frames += _control(rng)
        return bytes(frames)

    def _payload(self, rng: Random) -> bytes:
        match rng.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                return reading(b"%d" % rng.randint(0, 100))
            case 5 | 6:
                return self._readings.generate(rng)
            case 7:
                return b"x" * rng.choice((0, 1, 125, 126, 127, 1023, 1024, 1025))
            case 8:
                return reading(b"70").ljust(rng.choice((1023, 1024, 1025)))
            case _:
                return rng.choice(TEXTS)


def heard_of(
    plan: Plan,
    chunks: Iterator[bytes],
    parts: Parts = Parts(),  # noqa: B008 - it never changes
) -> Heard:
    """Let a device connect and send chunks; return what it heard."""
    end = GatewayEnd(plan.device, plan.storing, parts=parts)
    head = _HEADS[plan.device]
    if plan.early:
        head += next(chunks, b"")
    end.deliver([head])
    end.deliver(chunks)
    charger = end.device.connection
    if plan.storing is Storing.AT_THE_END and isinstance(charger, ChargerConnection):
        charger.on_stored(charger.sequence)
    answer, rest = wire.answer_in(end.written)
    check(answer.status == 101, "the handshake was refused")
    frames = list(wire.written_frames(rest))
    closes = [frame.payload for frame in frames if frame.opcode == CLOSE]
    check(len(closes) <= 1, "closed twice")
    check(not closes or frames[-1].opcode == CLOSE, "something was said after the goodbye")
    heard = Heard(
        end.events.readings,
        [(f.opcode, _gist(f)) for f in frames if f.opcode != CLOSE],
        closes[0] if closes else None,
        end.transport.ended,
    )
    _check_ending(end, heard)
    return heard


def _check_alone(heard: Heard, expected: Expected) -> None:
    """Frame by frame the gateway says exactly what the model says."""
    check(
        heard.readings == expected.readings,
        f"the readings are {heard.readings}, and not {expected.readings}",
    )
    if heard.code is None:
        _check_open(heard, expected)
        return
    check(
        heard.written == expected.written,
        f"the device hears {heard.written}, and not {expected.written}",
    )
    closing = expected.closing
    check(heard.code in closing.codes, f"closed with {heard.code}, and not {closing.codes}")
    check(
        closing.echo is None or heard.closed == closing.echo or heard.code == 1002,
        "the device's close frame was not given back",
    )


def _check_cut(heard: Heard, expected: Expected) -> None:
    """However the bytes come, the same counts, and nothing else is heard.

    What comes at once with an end of the stream may stay without an answer, and the
    stream's end may be what is said in place of what came before it.
    """
    check(
        heard.readings == expected.readings,
        f"cut in another way, {heard.readings} count, and not {expected.readings}",
    )
    if heard.code is None:
        _check_open(heard, expected)
        return
    said = heard.written
    either = expected.closing.codes | expected.stream.codes
    check(heard.code in either, f"closed with {heard.code}, and not {sorted(either)}")
    check(
        said == expected.written[: len(said)],
        f"the device hears {said}, and that is no part of {expected.written}",
    )


def _check_open(heard: Heard, expected: Expected) -> None:
    codes = expected.closing.codes
    check(not codes or not expected.closing.sure, f"it must be closed with {sorted(codes)}")
    said = expected.ends_open
    check(heard.written == said, f"the device hears {heard.written}, and not {said}")


def _check_ending(end: GatewayEnd, heard: Heard) -> None:
    check(heard.ended <= (heard.closed is not None), "ended without a goodbye")
    check(end.is_over == (heard.closed is not None), "it does not know whether it is open")
    end.let_deadlines_pass()
    check(
        bool(end.transport.aborted) == (heard.closed is not None),
        "a connection is cut off after its goodbye, and no other",
    )
    end.leave(politely=not end.transport.aborted)
    check(len(end.events.told) == 2, "it came and went, once each")


def _gist(frame: wire.Written) -> bytes:
    return error_code_in(frame.payload).encode() if frame.opcode == TEXT else frame.payload


def outcomes(heard: Heard) -> Iterator[str]:
    """Return what became of a stream, in a few words each."""
    if heard.readings:
        yield "readings counted"
    for opcode, gist in heard.written:
        yield "pong" if opcode == PONG else f"error {gist.decode()}"
    if heard.code is None:
        yield "stays open"
    elif heard.code >= 3000 and heard.code != 4409:
        yield "closed 3000-4999"
    else:
        yield f"closed {heard.code}"


def at(stream: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """Cut bytes at places."""
    start = 0
    for end in [*cuts, len(stream)]:
        if start < end:
            yield stream[start:end]
            start = end


def _mask(rng: Random) -> bytes:
    return rng.randbytes(4) if rng.random() < 0.5 else b"\0\0\0\0"


def _length_bytes(rng: Random, size: int) -> int | None:
    """Return a length longer than it need be, now and then: it is accepted."""
    return rng.choice((2, 8)) if rng.random() < 0.05 and size < 1 << 16 else None


def _control(rng: Random) -> bytes:
    if rng.random() < 0.1:
        code = rng.choice((*range(998, 1018), 2999, 3000, 4404, 4999, 5000, 0, 65535))
        payload = code.to_bytes(2, "big") + rng.choice(TEXTS)
        return device_frame(CLOSE, payload[: rng.choice((0, 1, 2, 30, 125))], mask=_mask(rng))
    payload = rng.randbytes(rng.choice((0, 0, 1, 4, 125)))
    return device_frame(rng.choice((PING, PING, PONG)), payload, mask=_mask(rng))


def _any_frame(rng: Random) -> bytes:
    """Return a frame in which anything may be wrong."""
    return device_frame(
        rng.randrange(16) if rng.random() < 0.3 else rng.choice((CONT, TEXT, CLOSE, PING)),
        rng.choice(TEXTS) * rng.choice((1, 1, 1, 40)),
        fin=rng.random() < 0.7,
        reserved=rng.randrange(8) if rng.random() < 0.3 else 0,
        mask=None if rng.random() < 0.2 else _mask(rng),
        length_bytes=rng.choice((None, None, 2, 8)),
    )


TEXTS: Final = (
    b"",
    b"bad",
    b"{}",
    b"\xff",
    b"\xc3\xa4",
    b"\xc3",
    b"\xf0\x9f\x98\x80" * 8,
    reading(b"70"),
    reading(b"101"),
    reading(b"true"),
)
_GOOD: Final = device_frame(TEXT, reading(b"70"))
_BAD: Final = device_frame(TEXT, b"bad")
_PING: Final = device_frame(PING, b"p")
_CLOSE: Final = device_frame(CLOSE, b"\x03\xe8")
TOKENS: Final = [
    _GOOD,
    _BAD,
    _PING,
    _CLOSE,
    _BAD * 20,
    _BAD * 21,
    device_frame(TEXT, b"", fin=False),
    device_frame(CONT, b"", fin=False),
    device_frame(CONT, b"", fin=False) * 15,
    device_frame(CONT),
    device_frame(TEXT, reading(b"70")[:10], fin=False),
    device_frame(CONT, reading(b"70")[10:]),
    device_frame(BINARY, reading(b"70")),
    device_frame(TEXT, b"\xff"),
    device_frame(TEXT, b"x", reserved=4),
    device_frame(TEXT, b"x", mask=None),
    device_frame(TEXT, b"x" * 1000, fin=False),
    device_frame(PING, b"x" * 125),
    device_frame(PING, b"x" * 126),
    device_frame(PING, fin=False),
    b"\x81\xfe\x04\x01",
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x8b\x80",
    device_frame(PONG),
    device_frame(PONG, length_bytes=2),
]


def _stream(*frames: bytes, plan: bytes = b"\0\0") -> bytes:
    return plan + b"".join(frames)


def _fragments(*payloads: bytes, between: bytes = b"") -> bytes:
    last = len(payloads) - 1
    return between.join(
        device_frame(CONT if number else TEXT, payload, fin=number == last)
        for number, payload in enumerate(payloads)
    )


SEEDS: Final = [
    *(_stream(token) for token in TOKENS),
    *(_stream(_GOOD, token, _GOOD, plan=b"\0\1") for token in TOKENS),
    *(_stream(_GOOD, _PING, token, _GOOD, plan=bytes([2, 9])) for token in TOKENS),
    # Each device, each fate of a reading, early or not.
    *(_stream(_GOOD, _PING, _GOOD, _BAD, _PING, plan=bytes([n, 0])) for n in range(5)),
    *(_stream(_GOOD, _PING, _GOOD, _BAD, _PING, plan=bytes([n, 0])) for n in range(0x40, 0x45)),
    _stream(_GOOD, _PING, _CLOSE, plan=b"\x80\0"),
    # A close frame of the device in one segment with what it is closed for itself.
    _stream(_BAD * 21, _GOOD, _CLOSE),
    _stream(_BAD * 21, _GOOD, device_frame(TEXT, b"x", reserved=1)),
    _stream(_BAD * 21, _GOOD),
    _stream(_BAD * 20, _GOOD, _BAD * 20, _GOOD),
    _stream(device_frame(TEXT, b"\xff"), _GOOD, _CLOSE),
    _stream(_GOOD, _GOOD, _CLOSE, plan=bytes([3, 0])),
    # Fragments, and what may stand between them.
    _stream(_fragments(*[reading(b"70")[n : n + 3] for n in range(0, 45, 3)], between=_PING)),
    _stream(_fragments(*[b""] * 16)),
    _stream(_fragments(*[b""] * 17)),
    _stream(_fragments(reading(b"70").ljust(1000), b" " * 24)),
    _stream(_fragments(reading(b"70").ljust(1000), b" " * 25)),
    _stream(_fragments(reading(b"70").ljust(1000), b" ", between=device_frame(PING, b"x" * 125))),
    _stream(_fragments(reading(b"70").ljust(1024), b"", between=_PING)),
    _stream(_fragments(b"x", b"y", between=_CLOSE)),
    _stream(_fragments(b"\xc3", b"\xa4")),
    _stream(_fragments(b"\xc3", b"y")),
    # Close frames.
    *(
        _stream(device_frame(CLOSE, code.to_bytes(2, "big") + reason), _GOOD)
        for code in (0, 999, 1000, 1004, 1005, 1006, 1014, 1015, 2999, 3000, 4999, 5000)
        for reason in (b"", b"bye", b"\xff")
    ),
    _stream(device_frame(CLOSE), _GOOD),
    _stream(device_frame(CLOSE, b"x"), _GOOD),
    _stream(device_frame(CLOSE, b"\x03\xe8" + b"x" * 123)),
    _stream(device_frame(CLOSE, b"\x03\xe8" + b"x" * 124)),
    _stream(device_frame(CLOSE, b"\x03\xe8" + b"\xc3\xa4" * 61 + b"\xc3")),
]
