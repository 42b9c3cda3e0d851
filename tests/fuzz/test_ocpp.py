"""Any bytes as messages of OCPP: what they must lead to is judged by another reader."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.turn import Now, Reading, Turn
from tests.fuzz.engines import Report, run_random
from tests.fuzz.ocpp_target import NOT_TEXT, TOKENS, UNCLEAR, Expected, OcppTarget, judged
from tests.fuzz.wire import ViolationError

target = OcppTarget()
generated = st.integers(0, 2**64).map(lambda seed: target.generate(Random(seed)))
pieces = st.lists(st.sampled_from(TOKENS), max_size=20).map(b"".join)


@settings(max_examples=1500)
@given(generated | pieces | st.binary(max_size=200))
def test_whatever_a_charger_says_leads_to_what_it_must(data: bytes) -> None:
    target(data)


def test_the_generator_reaches_all_that_a_message_may_lead_to() -> None:
    report = run_random(target, Report("ocpp", "random", seed=1), 4000)
    assert report.finding is None, report
    reached = {
        "a reading",
        "a reading that waited",
        "answered with 3",
        "answered with 4",
        "no answer now",
        NOT_TEXT,
        UNCLEAR,
    }
    assert set(report.outcomes) == reached
    assert min(report.outcomes.values()) > 10


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'[2,"a","b",{}]', Expected(3, "a", may_wait=True)),
        (b'[2,"a","b"]', Expected(4, "a", is_bad=True)),
        (b'[2,5,"b",{}]', Expected(4, 5, is_bad=True)),
        (b'[2,true,"b",{}]', Expected(is_bad=True)),
        (b'[3,"a",{}]', Expected()),
        (b'[6,"a"]', Expected()),
        (b"[]", Expected(is_bad=True)),
        (b"{", Expected(is_bad=True)),
        (b"\xff", NOT_TEXT),
        (b'["\\ud800"]', UNCLEAR),
    ],
)
def test_the_other_reader_says_what_the_rules_say(message: bytes, expected: object) -> None:
    assert judged(message) == expected


def deaf(_: Conversation, __: bytes, ___: Now) -> Turn:
    """Answer nothing, and find nothing wrong."""
    return Turn()


def confused(conversation: Conversation, message: bytes, now: Now) -> Turn:
    """Answer under another id."""
    turn = conversation.take(message, now)
    turn.replies = [reply.replace(b'"a1"', b'"a2"') for reply in turn.replies]
    return turn


def careless(conversation: Conversation, message: bytes, now: Now) -> Turn:
    """Take a level as it comes."""
    turn = conversation.take(message, now)
    turn.readings += [Reading(1, 101, now.clock)] if b'"SoCState"' in message else []
    return turn


def crashing(conversation: Conversation, message: bytes, now: Now) -> Turn:
    """Read an id where there may be none."""
    assert message.split(b",")[1]
    return conversation.take(message, now)


@pytest.mark.parametrize("take", [deaf, confused, careless, crashing])
def test_a_bug_is_found(take: object) -> None:
    planted = OcppTarget(take)  # type: ignore[arg-type]
    report = run_random(planted, Report("ocpp", "random", seed=1), 2000)
    assert report.finding is not None
    with pytest.raises((ViolationError, AssertionError, IndexError)):
        planted(report.finding)
