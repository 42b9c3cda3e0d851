"""Operators' commands: in the words of OCPP, in turn, and only if they may be sent."""

import json
from typing import Any

import pytest

from services.gateway.ocpp.hub_calls.operator_commands import result_of
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import CommandAnswer
from shared.contract.charger_commands import CommandName
from tests.unit.gateway.ocpp.charger import Charger

V2 = (Version.V201, Version.V21)
STATUS = "StatusNotification"

WORDS: dict[CommandName, tuple[tuple[str, Any], tuple[str, Any]]] = {
    CommandName.RESET: (("Reset", {"type": "Soft"}), ("Reset", {"type": "Immediate"})),
    CommandName.UNLOCK: (
        ("UnlockConnector", {"connectorId": 2}),
        ("UnlockConnector", {"evseId": 2, "connectorId": 1}),
    ),
    CommandName.ENABLE: (
        ("ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
        ("ChangeAvailability", {"evse": {"id": 2}, "operationalStatus": "Operative"}),
    ),
    CommandName.DISABLE: (
        ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
        ("ChangeAvailability", {"evse": {"id": 2}, "operationalStatus": "Inoperative"}),
    ),
    CommandName.REPORT_LEVEL: (
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 2}}),
    ),
    CommandName.REPORT_STATUS: (
        ("TriggerMessage", {"requestedMessage": STATUS, "connectorId": 2}),
        ("TriggerMessage", {"requestedMessage": STATUS, "evse": {"id": 2, "connectorId": 1}}),
    ),
}


def ready(version: Version = Version.V16) -> Charger:
    """Return a charger that is asked for nothing by the hub."""
    charger = Charger(version)
    charger.meter_values(28)
    return charger


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("name", CommandName)
def test_each_command_has_its_words_in_each_version(version: Version, name: CommandName) -> None:
    charger = ready(version)
    charger.command("x1", name, connector=2)
    ((_, action, payload),) = charger.calls  # which the schemas have checked
    assert (action, payload) == WORDS[name][version in V2]


def test_a_command_is_sent_and_its_answer_comes_with_its_id() -> None:
    charger = ready()
    charger.command("x1")
    turn = charger.answer({"status": "Accepted"})
    assert turn.results == [CommandAnswer("x1", b'{"status": "Accepted"}')]
    assert turn.answered == 1


def test_a_command_that_is_refused_or_not_answered_has_an_error() -> None:
    charger = ready()
    charger.command("x1")
    assert charger.refuse("NotSupported").results[0].error == "NotSupported"
    charger.command("x2")
    charger.calls.clear()
    charger.wait(30)
    (result,) = charger.timer().results
    assert (result.command_id, result.payload) == ("x2", None)
    assert result.error


def test_a_level_that_an_operator_asked_for_is_not_asked_for_again_at_once() -> None:
    charger = ready()
    charger.may_send = None
    charger.command("x1", CommandName.REPORT_LEVEL, connector=2)
    assert charger.conversation.questions.triggered_at == {}, "it is not sent yet"
    charger.check("x1", may_send=True)
    charger.answer({"status": "Accepted"})
    charger.ask_again(2)
    assert charger.calls == []
    charger.wait(30)
    charger.timer()
    assert [action for _, action, _ in charger.calls] == ["TriggerMessage"]


def test_a_level_that_an_operator_asked_for_comes_in_time_from_a_clock_that_is_behind() -> None:
    charger = Charger()
    charger.behind = 49 * 60
    charger.meter_values(28)
    charger.command("x1", CommandName.REPORT_LEVEL)
    charger.answer({"status": "Accepted"})
    charger.wait(1)
    (reading,) = charger.meter_values(35, context="Trigger").readings
    assert reading.sampled_at == charger.now.clock - 1


def test_too_many_commands_are_refused() -> None:
    charger = ready()
    accepted = [charger.command(f"x{n}") is not None for n in range(12)]
    assert accepted == [True] * 9 + [False] * 3


def test_a_command_whose_turn_it_is_is_not_sent_before_that_is_allowed() -> None:
    charger = ready()
    charger.may_send = None
    charger.command("x1")
    assert (charger.due, charger.calls) == (["x1"], [])
    charger.wait(20)
    charger.check("x1", may_send=True)
    assert [action for _, action, _ in charger.calls] == ["Reset"]
    assert charger.conversation.next_at == charger.now.clock + 30, "from when it was sent"


def test_a_command_that_may_not_be_sent_makes_way_for_the_next_one() -> None:
    charger = ready()
    charger.may_send = None
    charger.command("x1")
    charger.command("x2", CommandName.UNLOCK)
    assert charger.due == ["x1"]
    charger.check("x1", may_send=False)
    assert (charger.due, charger.calls) == (["x2"], [])
    charger.check("x2", may_send=True)
    assert [action for _, action, _ in charger.calls] == ["UnlockConnector"]


def test_a_command_that_was_given_up_while_it_was_checked_is_not_sent() -> None:
    charger = ready()
    charger.may_send = None
    charger.command("x1")
    charger.wait(30)
    assert [each.command_id for each in charger.timer().results] == ["x1"]
    charger.check("x1", may_send=True)
    assert charger.calls == []


def test_a_command_waits_for_the_answer_to_a_question_of_the_hub() -> None:
    charger = ready()
    charger.ask_again()
    charger.command("x1")
    assert [action for _, action, _ in charger.calls] == ["TriggerMessage"]
    charger.answer({"status": "Accepted"})
    assert [action for _, action, _ in charger.calls] == ["Reset"]


@pytest.mark.parametrize(
    ("said", "accepted", "status", "info"),
    [
        ({"status": "Accepted"}, True, "Accepted", ""),
        ({"status": "Scheduled"}, True, "Scheduled", ""),
        ({"status": "Unlocked"}, True, "Unlocked", ""),
        ({"status": "Rejected"}, False, "Rejected", ""),
        ({"status": "UnlockFailed"}, False, "UnlockFailed", ""),
        (
            {"status": "Rejected", "statusInfo": {"reasonCode": "Busy", "additionalInfo": "soon"}},
            False,
            "Rejected",
            "Busy: soon",
        ),
        ({"status": "Accepted", "statusInfo": 7}, True, "Accepted", ""),
        ({"status": 7}, False, "", ""),
        ({}, False, "", ""),
        ({"status": "\u202eAccepted\n"}, False, "?Accepted?", ""),
    ],
)
def test_an_answer_is_told_as_the_charger_said_it(
    said: object,
    accepted: bool,  # noqa: FBT001 - of the cases
    status: str,
    info: str,
) -> None:
    result = result_of("c1", CommandAnswer("x1", json.dumps(said).encode()))
    assert (result.id, result.charger) == ("x1", "c1")
    assert (result.accepted, result.status, result.info) == (accepted, status, info)


def test_an_error_is_told_by_its_code_and_is_never_accepted() -> None:
    for code in "NotImplemented", "Accepted":
        result = result_of("c1", CommandAnswer("x1", None, code))
        assert (result.accepted, result.status) == (False, code)
