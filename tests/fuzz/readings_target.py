"""The target ``readings``: one message of a charger, judged by a reader of its own."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from services.gateway.chargers.readings import _decode_slowly, state_of_charge_of
from services.gateway.connection.dialect import BadFrameError
from shared.contract.device_protocol import ErrorCode
from tests.fuzz.strict_json import NotJsonError, TooDeepError, document_in
from tests.fuzz.target import check, choices

NOT_TEXT: Final = "not UTF-8"
Decode = Callable[[bytes], float]
Outcome = float | str
"""The state of charge, or the name of what is wrong."""

_OF_READINGS: Final = {
    ErrorCode.NOT_JSON,
    ErrorCode.UNKNOWN_EVENT,
    ErrorCode.INVALID_READING,
    ErrorCode.OUT_OF_RANGE,
}


def judged(message: bytes) -> Outcome | None:
    """Return what a message is, independently; None where that is nobody's to say."""
    try:
        document = document_in(message.decode())
    except UnicodeDecodeError:
        return NOT_TEXT
    except NotJsonError:
        return ErrorCode.NOT_JSON
    except TooDeepError:
        return None
    if not isinstance(document, dict) or document.get("event") != "StateOfCharge":
        return ErrorCode.UNKNOWN_EVENT
    data = document.get("data")
    level = data.get("soc") if isinstance(data, dict) else None
    if type(level) is not int and type(level) is not float:
        return ErrorCode.INVALID_READING
    return level if 0 <= level <= 100 else ErrorCode.OUT_OF_RANGE


def outcome_of(decode: Decode, message: bytes) -> Outcome:
    """Return what the gateway makes of a message."""
    try:
        level = decode(message)
    except UnicodeDecodeError:
        return NOT_TEXT
    except BadFrameError as error:
        check(error.code in _OF_READINGS, f"{error.code} is no code of a reading")
        check(error.message, "the firmware's developer is told nothing")
        return error.code
    check(type(level) in {int, float}, f"{level!r} is no number")
    check(0 <= level <= 100, f"{level!r} is out of range")
    return level


class ReadingsTarget:
    """Two ways to decode a message, and a third that says whether both are right."""

    def __init__(self, decode: Decode = state_of_charge_of) -> None:
        self._decode = decode
        self.seeds: Sequence[bytes] = SEEDS
        self.tokens: Sequence[bytes] = TOKENS

    def __call__(self, data: bytes) -> list[str]:
        """Run one message."""
        expected = judged(data)
        found = outcome_of(self._decode, data)
        if expected is None:
            return ["nested deeply"]
        check(found == expected, f"it is {expected!r}, but the gateway says {found!r}")
        check(type(found) is type(expected), f"{found!r} is of another type than {expected!r}")
        slowly = outcome_of(_decode_slowly, data)
        check(slowly == found, f"the fast way says {found!r}, the slow one {slowly!r}")
        return [found if isinstance(found, str) else "a reading"]

    def generate(self, rng: Random) -> bytes:
        """Return a document that is nearly a reading, or pieces of one in any order."""
        return choices(
            rng,
            [
                (6, lambda: _reading(rng)),
                (1, lambda: _value(rng, 4)),
                (1, lambda: b"".join(rng.choices(TOKENS, k=rng.randint(0, 25)))),
            ],
        )


def _reading(rng: Random) -> bytes:
    """Return an object with the names of a reading, mostly at their places."""
    data = _members(rng, [(_name(rng, b"soc"), _number(rng) if rng.random() < 0.8 else None)])
    event = b'"StateOfCharge"' if rng.random() < 0.9 else None
    found = [(_name(rng, b"event"), event), (_name(rng, b"data"), data)]
    rng.shuffle(found)
    message = _members(rng, found)
    if rng.random() < 0.05:
        message = rng.choice((b" ", b"\n", b"\xef\xbb\xbf")) + message + rng.choice((b"\r ", b"x"))
    return message


def _members(rng: Random, found: list[tuple[bytes, bytes | None]]) -> bytes:
    """Return an object with some members; without a value a member gets any."""
    while rng.random() < 0.15:
        found.append((_name(rng, rng.choice((b"x", b"soc", b"event", b"data", b"\xc3\xa4"))), None))
    if rng.random() < 0.05:
        found.append(rng.choice(found))
    space = b" " if rng.random() < 0.1 else b""
    return (
        b"{"
        + b",".join(
            b'%b"%b"%b:%b%b'
            % (space, name, space, space, _value(rng, 2) if value is None else value)
            for name, value in found
        )
        + b"}"
    )


def _name(rng: Random, name: bytes) -> bytes:
    """Return a name, now and then spelt in another way."""
    if rng.random() < 0.9:
        return name
    at = rng.randrange(len(name))
    form = rng.choice((b"\\u%04x", b"\\u%04X"))
    return name[:at] + form % name[at] + name[at + 1 :]


def _number(rng: Random) -> bytes:
    match rng.randrange(6):
        case 0 | 1:
            return b"%d" % rng.randint(-2, 103)
        case 2:
            return repr(rng.uniform(-1, 101)).encode()
        case 3:
            whole, exponent = rng.choice((b"7", b"0", b"-0", b"1")), rng.randint(-400, 400)
            return whole + rng.choice((b"e%d", b"E%+d", b".5e%d")) % exponent
        case _:
            return rng.choice(NUMBERS)


def _value(rng: Random, depth: int) -> bytes:
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return b"[" + b",".join(_value(rng, depth - 1) for _ in range(rng.randrange(3))) + b"]"
    if kind == 7:
        return _members(rng, [(_name(rng, b"x"), _value(rng, depth - 1))])
    return _number(rng) if kind < 3 else rng.choice(VALUES)


def reading(level: bytes) -> bytes:
    """Return a reading; the level is put in as it is."""
    return b'{"event":"StateOfCharge","data":{"soc":%b}}' % level


NUMBERS: Final = (
    b"0 -0 -0.0 100 100.0 1e2 101 100.00000000000001 100.00000000000000001 99.99999999999999 1e400 "
    b"-1e400 1e-400 -1e-400 5e-324 -5e-324 9223372036854775807 9223372036854775808 "
    b"18446744073709551616 7.0e1 700E-1 00 01 +1 1. .5 1e 0x1 1_0 NaN Infinity -Infinity - "
    b"99999999999999999999999999999999999999999 0.1e1 1E+2"
).split()
VALUES: Final = (
    b'null true false "" "x" "70" "StateOfCharge" "\\u0053tateOfCharge" "\\ud800" "\\ud83d\\ude00" '
    b'"\\udc00\\ud800" "\xf0\x9f\x98\x80" "\xc3\xa4" "\\n" "\\x" "\\u12" "\x01" "\x7f" [] {} '
    b'nul tru "'
).split(b" ")
TOKENS: Final = [
    *NUMBERS,
    *VALUES,
    *b'{ } [ ] : , " \\ \\u0073 "event" "data" "soc" "x" "soc":70 "s\\u006fc":1 \xff \xc3 '
    b'\xed\xa0\x80 \x00 {"event":"StateOfCharge","data":{"soc": }}'.split(b" "),
    b" ",
    b"\xc2\xa0",
]
SEEDS: Final = [
    reading(b"70"),
    *map(reading, NUMBERS),
    *map(reading, VALUES),
    *VALUES,
    b"",
    reading(b"70") + b"\x00",
    reading(b"70") * 2,
    b'{"data":{"soc":70},"event":"StateOfCharge"}',
    b'{"data":{"soc":70,"event":"StateOfCharge"}}',
    b'{"event":"StateOfCharge","data":{"soc":70},"x":{"soc":1,"data":2,"event":3}}',
    b'{"event":"StateOfCharge","data":{"soc":70,"s\\u006fc":71}}',
    b'{"event":"StateOfCharge","data":{"soc":70},"d\\u0061ta":{"soc":1}}',
    b'{"event":"StateOfCharge","data":{"soc":70},"x":1,"x":2}',
    b'{"event":"StateOfCharge","data":{"soc":70},"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}',
    b'{"event":"StateOfCharge","data":{"soc":70},"x":"\xed\xa0\x80"}',
    b'{"event":"StateOfCharge","data":{"soc":70},"x":"\x01"}',
    b'{"event":"StateOfCharge","data":{"soc":70},"event":"StateOfCharge"}',
    b'{"event":"State\\u004ffCharge","data":{"s\\u006fc":70}}',
    reading(b"[" * 400 + b"]" * 400),
    reading(b"9" * 900),
    reading(b"0." + b"0" * 900 + b"1"),
]
