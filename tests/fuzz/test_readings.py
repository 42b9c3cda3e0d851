"""Any bytes as a charger's message: what they are is judged by another reader."""

import json
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contract.device_protocol import ErrorCode
from tests.fuzz.readings_target import NOT_TEXT, TOKENS, ReadingsTarget, judged, reading
from tests.fuzz.strict_json import NotJsonError, TooDeepError, document_in

target = ReadingsTarget()
generated = st.integers(0, 2**64).map(lambda seed: target.generate(Random(seed)))
pieces = st.lists(st.sampled_from(TOKENS), max_size=20).map(b"".join)


@settings(max_examples=1500)
@given(generated | pieces | st.binary(max_size=200))
def test_whatever_a_charger_says_is_read_as_another_reader_reads_it(message: bytes) -> None:
    target(message)


@settings(max_examples=200)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.booleans(),
)
@example({"\ud800": "\udc00\ud800"}, True)  # noqa: FBT003
def test_the_other_reader_reads_all_that_is_json(document: object, ascii_only: bool) -> None:  # noqa: FBT001
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert document_in(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nul", "NaN", "Infinity", "-", "01", "+1", "1.", ".5", "1e", "0x1", "1_0"),
        *("[", "[1", "[1,]", "[1 2]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,}', "{1:2}"),
        *('"', '"\\"', '"\\x"', '"\\u12"', '"\\u+123"', '"\n"', "'a'", '{"a":1}}', "1 2"),
        *('{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":1}}', "\ufeff1", "\xa01"),
    ],
)
def test_the_other_reader_refuses_all_that_is_not(text: str) -> None:
    with pytest.raises(NotJsonError):
        document_in(text)


def test_what_is_nested_too_deeply_may_be_refused_or_not() -> None:
    with pytest.raises(TooDeepError):
        document_in("[" * 400)
    assert judged(reading(b"[" * 400)) is None
    assert target(reading(b"[" * 400)) == ["nested deeply"]


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (reading(b"70"), 70),
        (reading(b"7.5"), 7.5),
        (reading(b"true"), ErrorCode.INVALID_READING),
        (reading(b"101"), ErrorCode.OUT_OF_RANGE),
        (b"{}", ErrorCode.UNKNOWN_EVENT),
        (b"\xff", NOT_TEXT),
    ],
)
def test_the_other_reader_reads_as_the_protocol_says(message: bytes, outcome: object) -> None:
    assert judged(message) == outcome
