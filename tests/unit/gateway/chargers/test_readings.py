"""What a charger may say, and what each mistake is called."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.chargers.readings import _decode_slowly, state_of_charge_of
from services.gateway.connection.dialect import BadFrameError
from shared.contract.device_protocol import ErrorCode

HUGE = "9" * 900


def reading(level: str) -> bytes:
    return f'{{"event":"StateOfCharge","data":{{"soc":{level}}}}}'.encode()


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (reading("70"), 70),
        (reading("0"), 0),
        (reading("100"), 100),
        (reading("79.999"), 79.999),
        (reading("99.99999999999999"), 99.99999999999999),
        (reading("7e1"), 70),
        (reading("700E-1"), 70),
        (reading("-0"), 0),
        (reading("-0.0"), 0),
        (reading("1e-400"), 0),
        (reading("100.0000000000000000000000001"), 100),
        (b' \t\r\n{ "event" : "StateOfCharge" ,\n"data" : { "soc" : 70 } } \n', 70),
        (b'{"data":{"soc":70},"event":"StateOfCharge"}', 70),
        (b'{"event":"StateOfCharge","data":{"soc":70,"volts":5},"at":[1,{"x":null}]}', 70),
        (b'{"event":"StateOfCharge","data":{"soc":70},"note":"\xc3\xa4"}', 70),
        (b'{"event":"State\\u004ffCharge","data":{"s\\u006fc":70}}', 70),
        (b'{"event":"StateOfCharge","data":{"soc":70},"big":' + HUGE.encode() + b"}", 70),
        (b'{"event":"StateOfCharge","data":{"soc":70},"x":{"soc":1,"data":2,"event":3}}', 70),
        (b'{"event":"StateOfCharge","data":{"soc":70},"x":' + b"[" * 450 + b"]" * 450 + b"}", 70),
    ],
)
def test_a_reading_is_taken(message: bytes, level: float) -> None:
    assert state_of_charge_of(message) == level


BAD = [
    (b"", ErrorCode.NOT_JSON),
    (b" ", ErrorCode.NOT_JSON),
    (b"hello", ErrorCode.NOT_JSON),
    (b"{", ErrorCode.NOT_JSON),
    (reading("70")[:-1], ErrorCode.NOT_JSON),
    (reading("70") + b"}", ErrorCode.NOT_JSON),
    (reading("70") + b"\x00", ErrorCode.NOT_JSON),
    (reading("70") * 2, ErrorCode.NOT_JSON),
    (b"{'event':'StateOfCharge','data':{'soc':70}}", ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70,}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"x":"\x01"}', ErrorCode.NOT_JSON),
    (b"\xef\xbb\xbf" + reading("70"), ErrorCode.NOT_JSON),
    (reading("NaN"), ErrorCode.NOT_JSON),
    (reading("Infinity"), ErrorCode.NOT_JSON),
    (reading("-Infinity"), ErrorCode.NOT_JSON),
    (reading("070"), ErrorCode.NOT_JSON),
    (reading("+70"), ErrorCode.NOT_JSON),
    (reading("70."), ErrorCode.NOT_JSON),
    (reading(".7"), ErrorCode.NOT_JSON),
    (reading("0x46"), ErrorCode.NOT_JSON),
    (reading("7_0"), ErrorCode.NOT_JSON),
    (b"[" * 513 + b"]" * 513, ErrorCode.NOT_JSON),
    (b"[" * 5000, ErrorCode.NOT_JSON),
    (b"[" * 5000 + b"]" * 5000, ErrorCode.NOT_JSON),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, ErrorCode.NOT_JSON),
    (reading("[" * 5000 + "]" * 5000), ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70,"soc":70}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70,"s\\u006fc":71}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"s\\u006Fc":70,"\\u0073oc":71}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","event":"x","data":{"soc":70}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","\\u0065vent":"x","data":{"soc":70}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"data":{}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"d\\u0061ta":{"soc":1}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"\xc3\xa4":1,"\xc3\xa4":2}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"x":1,"x":2}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70,"x":1,"x":2}}', ErrorCode.NOT_JSON),
    (b'{"event":"StateOfCharge","data":{"soc":70},"x":{"y":1,"y":1}}', ErrorCode.NOT_JSON),
    # An event inside of something else is none.
    (b'{"data":{"soc":70,"event":"StateOfCharge"}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"data":{"soc":70},"x":{"event":"StateOfCharge"}}', ErrorCode.UNKNOWN_EVENT),
    (b"null", ErrorCode.UNKNOWN_EVENT),
    (b"70", ErrorCode.UNKNOWN_EVENT),
    (b'"StateOfCharge"', ErrorCode.UNKNOWN_EVENT),
    (b"{}", ErrorCode.UNKNOWN_EVENT),
    (b"[" + reading("70") + b"]", ErrorCode.UNKNOWN_EVENT),
    (b"[" * 512 + b"]" * 512, ErrorCode.UNKNOWN_EVENT),
    (reading('"' + "[" * 900 + '"'), ErrorCode.INVALID_READING),
    (b'{"data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":"stateofcharge","data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":"StateOfCharge ","data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":null,"data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":["StateOfCharge"],"data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"EVENT":"StateOfCharge","data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":"\\ud800","data":{"soc":70}}', ErrorCode.UNKNOWN_EVENT),
    (b'{"event":"StateOfCharge"}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":null}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":[70]}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":70}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":{}}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":{"SOC":70}}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","data":{"":70}}', ErrorCode.INVALID_READING),
    (b'{"event":"StateOfCharge","soc":70}', ErrorCode.INVALID_READING),
    (reading('"100"'), ErrorCode.INVALID_READING),
    (reading("true"), ErrorCode.INVALID_READING),
    (reading("false"), ErrorCode.INVALID_READING),
    (reading("null"), ErrorCode.INVALID_READING),
    (reading("[70]"), ErrorCode.INVALID_READING),
    (reading("{}"), ErrorCode.INVALID_READING),
    (reading("-1"), ErrorCode.OUT_OF_RANGE),
    (reading("-1e-300"), ErrorCode.OUT_OF_RANGE),
    (reading("101"), ErrorCode.OUT_OF_RANGE),
    (reading("100.00000000000002"), ErrorCode.OUT_OF_RANGE),
    (reading("1e400"), ErrorCode.OUT_OF_RANGE),
    (reading("-1e400"), ErrorCode.OUT_OF_RANGE),
    (reading(HUGE), ErrorCode.OUT_OF_RANGE),
    (reading("-" + HUGE), ErrorCode.OUT_OF_RANGE),
]


@pytest.mark.parametrize(("message", "code"), BAD)
def test_anything_else_is_refused_by_its_code(message: bytes, code: ErrorCode) -> None:
    with pytest.raises(BadFrameError) as caught:
        state_of_charge_of(message)
    assert caught.value.code is code
    assert caught.value.message


@pytest.mark.parametrize(
    "message", [b"\xff", reading("70") + b"\xff", b'{"x":"\xc3"}', b'{"x":"\xed\xa0\x80"}']
)
def test_what_is_no_utf_8_is_no_text_at_all(message: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        state_of_charge_of(message)


def test_every_code_of_a_bad_reading_is_in_the_table() -> None:
    of_other_frames = {ErrorCode.NOT_TEXT, ErrorCode.UNEXPECTED}
    assert {code for _, code in BAD} == set(ErrorCode) - of_other_frames


names = st.sampled_from(["event", "data", "soc", "x", "\xe4", ""])
numbers = st.integers() | st.floats() | st.sampled_from([0, -0.0, 70, 79.999, 100, 101, 1e300])
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | st.just("StateOfCharge"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
nearly_data = st.fixed_dictionaries(
    {}, optional={"soc": numbers | values, "x": values, "event": values}
)
nearly_readings = st.fixed_dictionaries(
    {},
    optional={
        "event": st.just("StateOfCharge") | values,
        "data": nearly_data | values,
        "x": values,
    },
)
documents = st.builds(
    lambda document, ascii_only, indent: json.dumps(
        document, ensure_ascii=ascii_only, indent=indent
    ).encode(),
    nearly_readings | values,
    st.booleans(),
    st.none() | st.just(1),
)
# Pieces of readings and of trouble, to be put together at random.
PIECES = (
    rb'{"event":"StateOfCharge","data":{"soc":|"event"|"data"|"soc"|"x"|"StateOfCharge"'
    rb'|{|}|[|]|:|,| |\u0073oc|\|70|-|0|.5|1e400|true|null|NaN|"'
).split(b"|")
tokens = st.lists(st.sampled_from([*PIECES, b"\xff", b"\xc3\xa4"]), max_size=25).map(b"".join)


@st.composite
def damaged_readings(draw: st.DrawFn) -> bytes:
    message = bytearray(reading(draw(st.sampled_from(["70", "7.5", "100", "-0.0", "1e1"]))))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(message)))
        message[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2) | tokens)
    return bytes(message)


@given(documents | tokens | damaged_readings() | st.binary())
@example(b'{"data":{"soc":70,"event":"StateOfCharge"}}')
@example(b'{"event":"StateOfCharge","data":{"soc":70},"x":1,"x":2}')
@example(b'{"event":"StateOfCharge","data":{"soc":70},"x":"\x01"}')
@example(b'{"event":"StateOfCharge","data":{"soc":' + b"9" * 5000 + b"}}")
def test_the_fast_way_and_the_slow_one_never_differ(message: bytes) -> None:
    def outcome(of: object) -> object:
        try:
            return of(message)  # type: ignore[operator]
        except BadFrameError as error:
            return error.code
        except UnicodeDecodeError:
            return "no text"

    assert outcome(state_of_charge_of) == outcome(_decode_slowly)


@given(st.floats(0, 100) | st.integers(0, 100))
def test_every_level_from_0_to_100_comes_through_unchanged(level: float) -> None:
    assert state_of_charge_of(reading(json.dumps(level))) == level


@given(st.floats().filter(lambda level: not 0 <= level <= 100))
def test_no_other_level_ever_comes_through(level: float) -> None:
    with pytest.raises(BadFrameError) as caught:
        state_of_charge_of(reading(json.dumps(level)))
    expected = ErrorCode.OUT_OF_RANGE if math.isfinite(level) else ErrorCode.NOT_JSON
    assert caught.value.code is expected


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (reading("70") + b"\x00", "byte 0x00 at position 43"),
        (b"\xef\xbb\xbf" + reading("70"), "byte 0xef at position 0"),
        (reading("70") + b"}", "byte 0x7d at position 43"),
        ('{"\u00e4":\u20ac}'.encode(), "byte 0xe2 at position 6"),
        (reading("70")[:-1], "it ends too early"),
        (b"", "it ends too early"),
        (reading("NaN"), "NaN is not JSON"),
        (b'{"a":1,"a":1}', "a name stands twice in one object"),
    ],
)
def test_what_is_not_json_is_told_where(message: bytes, where: str) -> None:
    with pytest.raises(BadFrameError) as caught:
        state_of_charge_of(message)
    assert caught.value.code is ErrorCode.NOT_JSON
    assert caught.value.message == f"expected one JSON object: {where}"
