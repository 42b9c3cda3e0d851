"""What is said of a charger that speaks OCPP."""

from dataclasses import replace
from typing import Any

import pytest

from services.registry.explain.facts import ChargerFacts, charger_facts
from services.registry.explain.finding import Mark
from services.registry.explain.ocpp_findings import check_ocpp
from services.registry.live.redis_values import RawCharger
from shared.contract.presence import OcppCharger, OcppNote
from tests.unit.registry.test_explanation import ENVIRONMENT, EPOCH, FINE, as_json

KNOWN: dict[str, Any] = {
    "epoch": EPOCH,
    "dialect": "ocpp1.6",
    "vendor": "Volt",
    "model": "One",
    "firmware": "1.2",
    "states": {"1": "Charging", "2": "Available"},
    "reporting": [1],
    "notes": {},
}


def facts(known: object, charger_id: str = "c1234", **changes: Any) -> ChargerFacts:
    values = {**FINE, **changes}
    raw = RawCharger(
        id=charger_id,
        entry=as_json(values["entry"]),
        live=as_json(values["live"]),
        presence=as_json(values["presence"]),
        rejection=None,
        pending=None,
        is_complete=True,
        router=b"router-1",
        status=None,
        ocpp=as_json(known),
    )
    found = charger_facts(raw, ENVIRONMENT, 7)
    assert found is not None
    return found


def test_of_another_dialect_nothing_is_said() -> None:
    assert check_ocpp(facts(None)) == []
    assert check_ocpp(facts("not ours")) == []


def test_what_was_said_on_an_earlier_connection_does_not_count() -> None:
    assert check_ocpp(facts({**KNOWN, "epoch": EPOCH - 1})) == []


def test_a_charger_that_reports_is_right_and_says_what_it_is() -> None:
    (finding,) = check_ocpp(facts(KNOWN))
    assert finding.mark is Mark.RIGHT
    assert finding.text == (
        "ocpp1.6, Volt One 1.2; connectors: 1 Charging, 2 Available; state of charge of connector 1"
    )


def test_one_that_has_not_said_what_it_is() -> None:
    (finding,) = check_ocpp(facts({"epoch": EPOCH, "dialect": "ocpp2.1"}))
    assert finding.mark is Mark.NOTE, "it has a reading from before"
    assert finding.text == "ocpp2.1, it has not said what it is; no state of charge"


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        ({}, "it has sent none yet"),
        ({OcppNote.CANNOT_REPORT: "rejected"}, "it cannot be told to (rejected)"),
        ({OcppNote.REBOOT_REQUIRED: "yes"}, "takes effect when it starts again (yes)"),
        ({OcppNote.UNUSABLE_SOC: "in Wh"}, "what it reports is none (in Wh)"),
        ({OcppNote.NOT_REGISTERED: "connector 2"}, "not registered (connector 2)"),
        ({OcppNote.NO_CONNECTOR: "connector 0"}, "of no connector (connector 0)"),
        ({OcppNote.LATE: "late"}, "it has sent none yet"),
    ],
)
def test_one_that_reports_nothing_says_why(notes: dict[str, str], why: str) -> None:
    known = {**KNOWN, "reporting": [], "notes": notes}
    (finding,) = check_ocpp(facts(known, live={"epoch": EPOCH}))
    assert finding.mark is Mark.WRONG
    assert finding.cause is not None
    verdict = finding.cause.verdict.in_words()
    assert verdict.startswith("c1234 reports no state of charge: ")
    assert why in verdict
    for said in notes.values():
        assert said in finding.text


def test_a_connector_has_its_own_finding() -> None:
    live = {"epoch": EPOCH}
    (finding,) = check_ocpp(facts(KNOWN, "c1234:2", live=live))
    assert finding.mark is Mark.WRONG
    (finding,) = check_ocpp(facts({**KNOWN, "reporting": [1, 2]}, "c1234:2", live=live))
    assert finding.mark is Mark.RIGHT


@pytest.mark.parametrize(
    ("setting", "remedy"), [("suspended", "SuspendedEV"), ("no-energy:10", "meter")]
)
def test_one_whose_setting_has_nothing_to_go_by_says_so(setting: str, remedy: str) -> None:
    notes = {OcppNote.CANNOT_REPORT: "rejected"}
    known = {**KNOWN, "reporting": [], "notes": notes, "full_when": {"1": setting}}
    (finding,) = check_ocpp(facts(known, live={"epoch": EPOCH}))
    assert finding.mark is Mark.WRONG
    assert f"connector 1 is full when {setting}, of which nothing has come" in finding.text
    assert finding.cause is not None
    assert finding.cause.verdict.in_words() == (
        f"c1234 reports no state of charge, and nothing yet that its setting {setting} goes by."
    )
    assert remedy in finding.cause.remedy


def test_a_level_by_the_setting_is_right_and_said() -> None:
    by_setting = {"full_when": {"1": "suspended", "2": "no-energy:5"}, "by_setting": [1]}
    (finding,) = check_ocpp(facts({**KNOWN, "reporting": [], **by_setting}))
    assert finding.mark is Mark.RIGHT
    assert "no state of charge; connector 1 is full when suspended; connector 2" in finding.text
    (finding,) = check_ocpp(facts({**KNOWN, "full_when": {"1": "suspended"}}))
    assert finding.mark is Mark.RIGHT
    said = "its own state of charge counts for connector 1, not suspended"
    assert said in finding.text


def test_one_that_is_offline_is_only_described() -> None:
    known = facts(KNOWN, live={"epoch": EPOCH})
    away = replace(known, state=known.state.model_copy(update={"online": False}))
    none = replace(away, ocpp=OcppCharger(EPOCH, "ocpp1.6"))
    (finding,) = check_ocpp(none)
    assert finding.mark is Mark.NOTE
