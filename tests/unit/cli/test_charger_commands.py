"""Commanding a charger from a terminal."""

import uuid
from typing import Any

import httpx
import pytest

from shared.contract.charger_commands import CommandName
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry, problem

ID = "0f5b5a3e-9d0c-4c5e-8a43-3f6f0a2c9b11"
ANSWER: dict[str, Any] = {
    "id": ID,
    "charger": "c1:2",
    "command": "unlock",
    "accepted": True,
    "status": "Unlocked",
    "info": "",
}
COMMAND = ("chargers", "command", "c1:2", "unlock")


def test_a_command_is_sent_with_an_id_and_its_answer_shown(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(ANSWER)
    ran = run(*COMMAND)
    assert (ran.code, ran.errors) == (0, "")
    assert "Unlocked" in ran.output
    assert list(registry.asked()) == [("POST", "/chargers/c1%3A2/commands")]
    (body,) = registry.bodies()
    assert body == {"command": "unlock", "id": str(uuid.UUID(body["id"]))}


def test_an_id_that_is_given_is_passed_on(run: Run, registry: FakeRegistry) -> None:
    registry.answers(ANSWER)
    run(*COMMAND, "--id", ID)
    assert registry.bodies() == [{"command": "unlock", "id": ID}]


def test_what_the_charger_did_not_accept_is_shown_and_ends_with_1(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers({**ANSWER, "accepted": False, "status": "UnlockFailed"})
    ran = run(*COMMAND)
    assert (ran.code, ran.errors) == (1, "")
    assert "UnlockFailed" in ran.output


def test_after_a_lost_answer_it_says_how_to_ask_what_came_of_it(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(httpx.ReadTimeout("lost"))
    ran = run(*COMMAND, "--id", ID)
    assert ran.code == 3
    assert ran.explains(f"--id {ID}", "not sent twice")


def test_what_the_registry_says_itself_is_left_as_it_is(run: Run, registry: FakeRegistry) -> None:
    registry.answers(problem(504, "once at most", type="urn:chargelight:problem:no-answer"))
    ran = run(*COMMAND)
    assert ran.code == 3
    assert ran.errors == "once at most\n"
    registry.answers(problem(409, "not connected", type="urn:chargelight:problem:x"))
    assert run(*COMMAND).code == 1


@pytest.mark.parametrize("wrong", ["start", "", "Reset"])
def test_another_command_is_refused_before_the_registry_is_asked(
    run: Run, registry: FakeRegistry, wrong: str
) -> None:
    ran = run("chargers", "command", "c1", wrong)
    assert ran.code == 2
    assert ran.explains(*CommandName)
    assert not list(registry.asked())
