import json

import msgspec
import pytest

from services.gateway.ocpp.frames import (
    MAX_MESSAGE_BYTES,
    Answer,
    BadCall,
    Call,
    ErrorCode,
    Ignored,
    Unusable,
    decode,
    encode_call,
    encode_error,
    encode_result,
)


@pytest.mark.parametrize(
    "message",
    [
        b'[2,"19223201","Heartbeat",{}]',
        b' [ 2 , "19223201" , "Heartbeat" , {} ] ',
        b'[2,"19223201","Heartbeat",{},"more"]',
    ],
)
def test_a_call_has_an_id_an_action_and_an_object(message: bytes) -> None:
    frame = decode(message)
    assert isinstance(frame, Call)
    assert (frame.id, frame.action, bytes(frame.payload)) == ("19223201", "Heartbeat", b"{}")


@pytest.mark.parametrize("size", [1, 36, 256])
def test_an_id_may_be_longer_than_the_text_allows(size: int) -> None:
    frame = decode(json.dumps([2, "x" * size, "Heartbeat", {}]).encode())
    assert isinstance(frame, Call)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b'[3,"7",{"status":"Accepted"}]', Answer("7", b'{"status":"Accepted"}')),
        (b"[3,7,{}]", Answer("7", b"{}")),
        (b'[3,"7"]', Answer("7", b"")),
        (b'[4,"7","NotSupported","",{}]', Answer("7", None, "NotSupported")),
        (b'[4,"7",null]', Answer("7", None, "None")),
        (b'[4,"7"]', Answer("7", None, "")),
    ],
)
def test_an_answer_belongs_to_a_call_of_the_hub(message: bytes, answer: Answer) -> None:
    assert decode(message) == answer


@pytest.mark.parametrize(
    ("message", "message_id", "code"),
    [
        (b'[2,"a","MeterValues"]', b'"a"', ErrorCode.PROTOCOL_ERROR),
        (b'[2,"a"]', b'"a"', ErrorCode.PROTOCOL_ERROR),
        (b'[2,"a",5,{}]', b'"a"', ErrorCode.PROTOCOL_ERROR),
        (b'[2,19223201,"Heartbeat",{}]', b"19223201", ErrorCode.PROTOCOL_ERROR),
        (b'[2,-1,"Heartbeat",{}]', b"-1", ErrorCode.PROTOCOL_ERROR),
        (b'[2,"a","Heartbeat",[]]', b'"a"', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        (b'[2,"a","Heartbeat",null]', b'"a"', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        (b'[2,"a","Heartbeat","{"]', b'"a"', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    ],
)
def test_a_call_that_is_not_understood_is_answered_under_its_id(
    message: bytes, message_id: bytes, code: ErrorCode
) -> None:
    frame = decode(message)
    assert isinstance(frame, BadCall)
    assert (frame.id, frame.code) == (message_id, code)
    kind, echoed, *_ = json.loads(encode_error(frame.id, frame.code, frame.description))
    assert (kind, echoed) == (4, json.loads(message_id))


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"[", b"{}", b"5", b"null", b"hello", b"[]", b"[2]", b'[2,"a","b",{}]x'),
        *(b'[2,null,"Heartbeat",{}]', b'[2,{},"Heartbeat",{}]', b'[2,1.5,"Heartbeat",{}]'),
        *(b'[2,true,"Heartbeat",{}]', b"[3]", b"[4,[]]", b'[1,"a"]', b'["2","a"]', b'[2.0,"a"]'),
        b'[2,"a","MeterValues",{"x":NaN}]',
        b'[2,"a","MeterValues",{"x":"\\ud800"}]',
        b'[2,"%s","Heartbeat",{}]' % (b"x" * 257),
        b"[" * MAX_MESSAGE_BYTES,
        b'[2,"a","b",{"x":%s}]' % (b"[" * 30_000 + b"]" * 30_000),
    ],
    ids=lambda message: message[:40].decode(),
)
def test_what_has_no_usable_id_cannot_be_answered(message: bytes) -> None:
    frame = decode(message)
    assert isinstance(frame, Unusable)
    assert frame.why


@pytest.mark.parametrize("message", [b'[2,"\xff","Heartbeat",{}]', b'[2,"a","b",{"x":"\xc3"}]'])
def test_what_is_not_utf_8_is_told_apart(message: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(message)


@pytest.mark.parametrize(
    "message", [b'[5,"a","GenericError","",{}]', b'[6,"a","Notify",{}]', b"[6]"]
)
def test_the_two_frames_of_2_1_that_want_no_answer_are_no_mistake(message: bytes) -> None:
    assert decode(message) == Ignored()


@pytest.mark.parametrize("message_id", ["a", 'quote " and \\', "ä\u2028"])
def test_what_is_sent_is_json_and_has_the_id(message_id: str) -> None:
    assert json.loads(encode_call(message_id, "Reset", b"{}")) == [2, message_id, "Reset", {}]
    assert json.loads(encode_result(message_id, b'{"x":1}')) == [3, message_id, {"x": 1}]
    sent = encode_error(message_id, ErrorCode.NOT_SUPPORTED, "why")
    assert json.loads(sent) == [4, message_id, "NotSupported", "why", {}]


def test_an_id_that_came_in_escapes_is_the_same_for_json() -> None:
    frame = decode(b'[2,"\\u00e4\\n","Heartbeat",{}]')
    assert isinstance(frame, Call)
    assert json.loads(encode_result(frame.id, b"{}"))[1] == "ä\n"
    assert msgspec.json.decode(encode_result(frame.id, b"{}"))[1] == "ä\n"
