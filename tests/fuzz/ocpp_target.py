"""The target ``ocpp``: messages of a charger that speaks OCPP, judged by a reader of JSON alone."""

import json
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.transactions import Transactions
from services.gateway.ocpp.turn import Now, Turn
from tests.fuzz.target import check, choices

NOT_TEXT: Final = "not UTF-8"
UNCLEAR: Final = "nobody's to say"
_VERSIONS: Final = tuple(Version)
_SURROGATE: Final = rb"\ud"
"""Readers differ about half of a pair of escapes, also in a member that is overwritten."""
_LONG_ID: Final = 60
"""In characters; how long an id may be at most, is for the gateway alone to say."""
_APART_SECONDS: Final = 7.0
_LATER_SECONDS: Final = 31.0
_MOST_BYTES: Final = 20_000

Decide = Callable[[Conversation, bytes, Now], Turn]


class Expected(NamedTuple):
    """What a message must lead to."""

    kind: int = 0
    """Of the answer: 3, or 4; 0: there is none."""
    message_id: object = None
    is_bad: bool = False
    may_wait: bool = False
    """Whether it may be answered later, or be an error too."""


def judged(message: bytes) -> Expected | str:
    """Return what a message must lead to; or why that cannot be said."""
    if _SURROGATE in message.lower():
        return NOT_TEXT if not _is_text(message) else UNCLEAR
    try:
        document = json.loads(message.decode(), parse_constant=_refuse)
    except UnicodeDecodeError:
        return NOT_TEXT
    except RecursionError:
        return UNCLEAR
    except ValueError:
        return Expected(is_bad=True)
    if not isinstance(document, list) or not document or type(document[0]) is not int:
        return Expected(is_bad=True)
    return _judged(document)


def _judged(document: list[Any]) -> Expected | str:
    kind, *rest = document
    if kind in {5, 6}:
        return Expected()
    message_id = rest[0] if rest else None
    if type(message_id) not in {str, int} or kind not in {2, 3, 4}:
        return Expected(is_bad=True)
    if len(str(message_id)) > _LONG_ID:
        return UNCLEAR
    if kind != 2:
        return Expected()
    is_sound = (
        isinstance(message_id, str)
        and len(rest) > 2
        and isinstance(rest[1], str)
        and isinstance(rest[2], dict)
    )
    if is_sound:
        return Expected(3, message_id, may_wait=True)
    return Expected(4, message_id, is_bad=True)


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class OcppTarget:
    """One conversation: the first byte says which, then a message in each line.

    An empty line lets time pass.
    """

    def __init__(self, take: Decide = Conversation.take) -> None:
        self._take = take
        self.seeds: Sequence[bytes] = SEEDS
        self.tokens: Sequence[bytes] = TOKENS

    def __call__(self, data: bytes) -> Iterable[str]:
        """Run one conversation."""
        plan = data[0] if data else 0
        conversation = Conversation(_VERSIONS[plan % 3], 300)
        now = Now(1000.0, 1_796_032_800.0)
        if plan & 4:
            _check_turn(conversation.on_admitted(None, {}, now), now)
        outcomes = []
        for line in data[1:].split(b"\n"):
            apart = _APART_SECONDS if line else _LATER_SECONDS
            now = Now(now.clock + apart, now.utc + apart)
            if line:
                outcomes.append(self._run(conversation, line, now))
            else:
                _check_turn(conversation.on_timer(now), now)
        turn = conversation.on_admitted(b"[]", {1: now.clock - 60}, now)
        _check_turn(turn, now)
        outcomes += ["a reading that waited"] * len(turn.readings)
        _check_turn(conversation.ask_again(1, now), now)
        return outcomes

    def _run(self, conversation: Conversation, message: bytes, now: Now) -> str:
        expected = judged(message)
        try:
            turn = self._take(conversation, message, now)
        except UnicodeDecodeError:
            check(expected == NOT_TEXT, "it is UTF-8, but taken for something else")
            return NOT_TEXT
        _check_turn(turn, now)
        if isinstance(expected, str):
            check(expected == UNCLEAR, "it is not UTF-8, but taken for it")
            return expected
        check(bool(turn.bad) == expected.is_bad, f"it counts as bad: {turn.bad!r}, {expected}")
        answers = [json.loads(frame) for frame in (*turn.replies, *turn.receipts)]
        most = 1 if expected.kind else 0
        least = 0 if expected.may_wait else most
        check(least <= len(answers) <= most, f"{len(answers)} answers, expected {expected}")
        for kind, message_id, *_ in answers:
            same = message_id == expected.message_id
            check(same, f"the answer's id is {message_id!r}, expected {expected}")
            check(kind == expected.kind or expected.may_wait, f"its kind is {kind}, not {expected}")
        if turn.readings:
            return "a reading"
        return f"answered with {answers[0][0]}" if answers else "no answer now"

    def generate(self, rng: Random) -> bytes:
        """Return a conversation of messages that are nearly right."""
        lines = [
            choices(
                rng,
                [
                    (8, lambda: _call(rng)),
                    (4, lambda: _reading(rng)),
                    (3, lambda: _answer(rng)),
                    (1, lambda: b""),
                    (1, lambda: b"".join(rng.choices(TOKENS, k=rng.randint(0, 25)))),
                ],
            )
            for _ in range(rng.choice((1, 1, 2, 4, 8)))
        ]
        return bytes([rng.randrange(8)]) + b"\n".join(lines)


def _check_turn(turn: Turn, now: Now) -> None:
    """Check what holds for every turn."""
    for frame in (*turn.replies, *turn.receipts, *turn.calls):
        check(len(frame) <= _MOST_BYTES, "a frame is very long")
        kind = json.loads(frame)[0]
        check(kind in {2, 3, 4}, f"a frame is a {kind}")
    check(len(turn.calls) <= 1, "two calls at once")
    connectors = [reading.connector for reading in turn.readings]
    check(len(connectors) == len(set(connectors)), "two readings of one connector")
    for connector, level, sampled_at in turn.readings:
        check(type(connector) is int and 1 <= connector <= 99, f"connector {connector!r}")
        check(type(level) in {int, float} and 0 <= level <= 100, f"level {level!r}")
        check(sampled_at <= now.clock, "it was sampled in the future")
    if turn.transactions is not None:
        again = Transactions()
        again.load(turn.transactions)
        check(again.encode() == turn.transactions, "transactions cannot be read again")


def _call(rng: Random) -> bytes:
    """Return a call, now and then with a part that does not belong there."""
    parts = [b"2", b'"a%d"' % rng.randrange(4), b'"%s"' % rng.choice(ACTIONS), _payload(rng)]
    while rng.random() < 0.1:
        parts[rng.randrange(len(parts))] = _value(rng, 1)
    if rng.random() < 0.05:
        parts = parts[: rng.randrange(5)] + [_value(rng, 1)] * rng.randrange(2)
    space = b" " if rng.random() < 0.1 else b""
    return b"[" + (b"," + space).join(parts) + b"]"


def _reading(rng: Random) -> bytes:
    """Return a report that is nearly right."""
    names, action = rng.choice(REPORTS)
    named = (b'"%b":%b' % (name, _member(rng, name, 4)) for name in names)
    return b'[2,"a%d","%b",{%b}]' % (rng.randrange(4), action, b",".join(named))


def _answer(rng: Random) -> bytes:
    number = b'"%d"' % rng.randrange(1, 6)
    if rng.random() < 0.2:
        return b'[4,%b,"NotImplemented","",{}]' % number
    return b"[3,%b,%b]" % (number, rng.choice((*RESULTS, _payload(rng))))


def _payload(rng: Random) -> bytes:
    members = dict.fromkeys(rng.sample(MEMBERS, rng.randrange(1, 7)), None)
    if rng.random() < 0.7:
        members |= dict.fromkeys((b"connectorId", b"meterValue", b"evse", b"transactionInfo"))
    named = (b'"%b":%b' % (name, _member(rng, name, 3)) for name in members)
    return b"{" + b",".join(named) + b"}"


def _member(rng: Random, name: bytes, depth: int) -> bytes:
    """Return a value that a member may have, or any other."""
    if depth == 0 or rng.random() < 0.03:
        return _value(rng, 1)
    inner = INSIDE.get(name)
    if inner is not None:
        names, is_list = inner
        named = (b'"%b":%b' % (each, _member(rng, each, depth - 1)) for each in names)
        object_ = b"{" + b",".join(named) + b"}"
        return b"[" + b",".join([object_] * rng.randrange(1, 3)) + b"]" if is_list else object_
    return rng.choice(USUAL.get(name, VALUES))


def _value(rng: Random, depth: int) -> bytes:
    if depth and rng.random() < 0.3:
        return rng.choice((b"[%b]", b'{"x":%b}')) % _value(rng, depth - 1)
    return rng.choice(VALUES)


ACTIONS: Final = (
    b"BootNotification Heartbeat StatusNotification MeterValues MeterValues StartTransaction "
    b"StopTransaction TransactionEvent TransactionEvent Authorize DataTransfer NotifyEvent Reset "
    b"SignCertificate"
).split()
REPORTS: Final = (
    ((b"connectorId", b"meterValue", b"transactionId"), b"MeterValues"),
    ((b"evseId", b"meterValue"), b"MeterValues"),
    ((b"eventType", b"transactionInfo", b"evse", b"meterValue", b"offline"), b"TransactionEvent"),
    ((b"eventType", b"transactionInfo", b"meterValue"), b"TransactionEvent"),
    ((b"connectorId", b"timestamp", b"meterStart"), b"StartTransaction"),
    ((b"transactionId", b"transactionData"), b"StopTransaction"),
)
MEMBERS: Final = (
    b"connectorId evseId transactionId meterValue transactionData timestamp meterStart idTag "
    b"eventType offline transactionInfo evse idToken status connectorStatus chargingStation "
    b"chargePointModel x"
).split()
INSIDE: Final = {
    b"meterValue": ((b"timestamp", b"sampledValue"), True),
    b"transactionData": ((b"timestamp", b"sampledValue"), True),
    b"sampledValue": ((b"value", b"measurand", b"unit", b"context", b"unitOfMeasure"), True),
    b"unitOfMeasure": ((b"unit", b"multiplier"), False),
    b"transactionInfo": ((b"transactionId", b"chargingState"), False),
    b"evse": ((b"id",), False),
    b"chargingStation": ((b"model", b"vendorName"), False),
}
VALUES: Final = (
    b'null true false 0 1 2 -1 99 100 101 7.5 1e400 -0 9223372036854775807 1e-9 "" "1" "28" "50.0" '
    b'"SoC" "SoCState" "Percent" "Wh" "\xc3\xa4" "\\u00e4" "\\ud800" [] {} [[]] nul NaN '
    b"123456789012345678901234567890"
).split()
USUAL: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"value": (b'"28"', b"28", b'"50.0"', b"0", b"101", b'"full"'),
    b"evseId": (b"0", b"1", b"2", b"99"),
    b"transactionId": (b'"t1"', b'"t2"', b"1796032807", b"-1"),
    b"offline": (b"false", b"true"),
    b"measurand": (*[b'"SoC"'] * 7, b'"SoCState"', b'"Voltage"', b"null"),
    b"unit": (*[b'"Percent"', b'"%"', b"null"] * 3, b'"Wh"'),
    b"context": (b'"Trigger"', b'"Sample.Periodic"', b"null"),
    b"multiplier": (b"0", b"0", b"1", b"null", b"-1"),
    b"eventType": (b'"Started"', b'"Updated"', b'"Ended"'),
    b"connectorId": (b"0", b"1", b"2", b"99", b'"1"'),
    b"id": (b"0", b"1", b"2"),
    b"timestamp": (
        b'"2026-11-30T10:00:00Z"',
        b'"2026-11-30T09:11:07Z"',
        b'"2027-01-01T00:00:00.5+01:00"',
        b'"1970-01-01T00:00:00Z"',
        b'"2026-11-30T10:00:00"',
    ),
}
RESULTS: Final = (
    b'{"status":"Accepted"}',
    b'{"status":"Rejected"}',
    b'{"configurationKey":[{"key":"MeterValuesSampledData","readonly":false,"value":"Voltage"}]}',
    (
        b'{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"Voltage",'
        b'"component":{"name":"SampledDataCtrlr"},"variable":{"name":"TxEndedMeasurands"}}]}'
    ),
    (
        b'{"setVariableResult":[{"attributeStatus":"Rejected","component":{"name":"SampledDataCtrlr"},'
        b'"variable":{"name":"TxEndedMeasurands"}}]}'
    ),
)
TOKENS: Final = [
    *VALUES,
    *ACTIONS,
    *RESULTS,
    *b'[2, [3, [4, "a1" "1" , : { } [ ] " \\ \n \n\n \xff \xed\xa0\x80 \x00'.split(b" "),
    (
        b'[2,"a1","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"28",'
        b'"measurand":"SoC"}]}]}]'
    ),
    b'[2,"a1","Heartbeat",{}]',
]
SEEDS: Final = [
    *(bytes([plan]) + TOKENS[-2] + b"\n" + TOKENS[-1] for plan in range(8)),
    *(b"\4" + token for token in TOKENS),
    *(b"\4" + TOKENS[-1] + b"\n" + b'[3,"1",%b]' % result for result in RESULTS),
    (
        b'\5[2,"a1","TransactionEvent",{"transactionInfo":{"transactionId":"t1"},"evse":{"id":2}}]\n'
        b'[2,"a1","TransactionEvent",{"transactionInfo":{"transactionId":"t1"},"meterValue":[{'
        b'"sampledValue":[{"value":28,"measurand":"SoC"}]}]}]'
    ),
    b"\4" + b"[" * 3000,
    b'\4[2,"a","b",{"x":' + b"[" * 1200 + b"]" * 1200 + b"}]",
    b'\4[2,"a1","StartTransaction",{}]\n\n[2,"a1","StopTransaction",{"transactionId":1796032807}]',
    b'\4[2,"' + b"x" * 300 + b'","Heartbeat",{}]',
    b"\4[2," + b"9" * 300 + b',"Heartbeat",{}]',
    b"\4\xef\xbb\xbf" + TOKENS[-1],
    b'\4[2,"a1","Heartbeat",{"x":"\\ud800","x":1}]',
    b"",
    b"\0",
]
