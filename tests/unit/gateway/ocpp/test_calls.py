import json

from services.gateway.ocpp.frames import Answer
from services.gateway.ocpp.hub_calls.calls import ANSWER_SECONDS, MOST_QUEUED, Calls, HubCall

RESET = HubCall("Reset", b'{"type":"Soft"}', "command", command_id="x1")


def test_one_call_is_sent_at_a_time() -> None:
    calls = Calls()
    assert calls.add(RESET)
    assert calls.add(RESET)
    sent = calls.send(0.0)
    assert sent is not None
    assert json.loads(sent[1]) == [2, "1", "Reset", {"type": "Soft"}]
    assert calls.send(0.0) is None
    outcome = calls.on_answer(Answer("1", b"{}"))
    assert outcome is not None
    assert (outcome.call, outcome.number, outcome.payload) == (RESET, 1, b"{}")
    sent = calls.send(0.0)
    assert sent is not None
    assert json.loads(sent[1])[1] == "2"


def test_a_short_queue_waits() -> None:
    calls = Calls()
    assert all(calls.add(RESET) for _ in range(MOST_QUEUED))
    assert not calls.add(RESET)
    calls.send(0.0)
    assert calls.add(RESET)


def test_an_answer_to_another_call_is_ignored() -> None:
    calls = Calls()
    assert calls.on_answer(Answer("0", b"{}")) is None
    calls.add(RESET)
    calls.send(0.0)
    assert calls.on_answer(Answer("2", b"{}")) is None
    assert calls.on_answer(Answer("1", b"{}")) is not None
    assert calls.on_answer(Answer("1", b"{}")) is None


def test_an_error_is_an_answer_without_a_result() -> None:
    calls = Calls()
    calls.add(RESET)
    calls.send(0.0)
    outcome = calls.on_answer(Answer("1", None, "NotSupported"))
    assert outcome is not None
    assert (outcome.payload, outcome.error) == (None, "NotSupported")


def test_a_call_is_given_up_after_a_while_and_a_late_answer_is_ignored() -> None:
    calls = Calls()
    assert calls.overdue_at is None
    calls.add(RESET)
    calls.send(100.0)
    assert calls.overdue_at == 100 + ANSWER_SECONDS
    assert calls.expire(100 + ANSWER_SECONDS - 1) is None
    outcome = calls.expire(100 + ANSWER_SECONDS)
    assert outcome is not None
    assert (outcome.payload, outcome.error) == (None, "no answer in 30 s")
    assert calls.on_answer(Answer("1", b"{}")) is None
    assert calls.expire(1000.0) is None
