"""Asking for the state of charge, with chargers as they were seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.gateway.ocpp.negotiation import Version
from tests.unit.gateway.ocpp.charger import Charger

V2 = (Version.V201, Version.V21)
MEASURANDS = "MeterValuesSampledData"
INTERVAL = "MeterValueSampleInterval"
OWN = "Energy.Active.Import.Register,Voltage"
VARIABLES = ("TxStartedMeasurands", "TxUpdatedMeasurands", "TxEndedMeasurands")


@dataclass
class Settings:
    """A charger's settings, and what it makes of a change."""

    charger: Charger
    values: dict[str, str]
    refuses: Callable[[str], bool] = lambda _: False
    refusal: str = "Rejected"
    accepted: str = "Accepted"
    changes: list[tuple[str, str]] = field(default_factory=list)
    triggers: list[Any] = field(default_factory=list)

    def serve(self) -> None:
        """Answer the hub's calls until there are none."""
        while self.charger.calls:
            _, action, payload = self.charger.calls[0]
            self.charger.answer(getattr(self, action)(payload))

    def GetConfiguration(self, payload: Any) -> object:  # noqa: N802 - OCPP's name
        found = [
            {"key": key, "readonly": False, "value": self.values[key]}
            for key in payload["key"]
            if key in self.values
        ]
        return {"configurationKey": found, "unknownKey": []}

    def ChangeConfiguration(self, payload: Any) -> object:  # noqa: N802 - OCPP's name
        return {"status": self._change(payload["key"], payload["value"])}

    def GetVariables(self, payload: Any) -> object:  # noqa: N802 - OCPP's name
        results = [
            {
                **asked,
                "attributeStatus": "Accepted" if name in self.values else "UnknownVariable",
                "attributeValue": self.values.get(name, ""),
            }
            for asked in payload["getVariableData"]
            for name in [asked["variable"]["name"]]
        ]
        return {"getVariableResult": results}

    def SetVariables(self, payload: Any) -> object:  # noqa: N802 - OCPP's name
        results = [
            {
                "attributeStatus": self._change(asked["variable"]["name"], asked["attributeValue"]),
                "component": asked["component"],
                "variable": asked["variable"],
            }
            for asked in payload["setVariableData"]
        ]
        return {"setVariableResult": results}

    def TriggerMessage(self, payload: Any) -> object:  # noqa: N802 - OCPP's name
        self.triggers.append(payload)
        return {"status": "Accepted"}

    def _change(self, name: str, value: str) -> str:
        self.changes.append((name, value))
        if self.refuses(value):
            self.values[name] = ""  # some lose their list
            return self.refusal
        self.values[name] = value
        return self.accepted


def asked(charger: Charger, values: dict[str, str], **more: Any) -> Settings:
    settings = Settings(charger, values, **more)
    charger.send("BootNotification")
    settings.serve()
    return settings


def notes(charger: Charger) -> dict[str, str]:
    return {code.value: said for code, said in charger.conversation.known.notes.items()}


def test_soc_is_added_to_a_chargers_own_list() -> None:
    settings = asked(Charger(), {MEASURANDS: OWN, INTERVAL: "30"})
    assert settings.changes == [(MEASURANDS, f"{OWN},SoC")]
    assert settings.triggers == [{"requestedMessage": "MeterValues", "connectorId": 1}]
    assert notes(settings.charger) == {}


@pytest.mark.parametrize("own", ["SoC", f"{OWN},SoC", "SoC, Voltage", "Voltage , SoC "])
def test_a_list_with_soc_is_left_alone(own: str) -> None:
    settings = asked(Charger(), {MEASURANDS: own, INTERVAL: "30"})
    assert settings.changes == []
    assert len(settings.triggers) == 1


@pytest.mark.parametrize("refusal", ["Rejected", "NotSupported"])
def test_where_the_list_is_refused_soc_alone_is_tried(refusal: str) -> None:
    settings = asked(
        Charger(), {MEASURANDS: OWN}, refuses=lambda value: value != "SoC", refusal=refusal
    )
    assert settings.changes == [(MEASURANDS, f"{OWN},SoC"), (MEASURANDS, "SoC")]
    assert notes(settings.charger) == {}


def test_where_that_is_refused_too_the_list_is_restored() -> None:
    settings = asked(Charger(), {MEASURANDS: OWN}, refuses=lambda value: "SoC" in value)
    assert settings.changes[2:] == [(MEASURANDS, OWN)]
    assert settings.values == {MEASURANDS: OWN}
    assert notes(settings.charger) == {"cannot_report": f"{MEASURANDS}: Rejected"}
    assert len(settings.triggers) == 1


def test_an_empty_list_becomes_soc() -> None:
    settings = asked(Charger(), {MEASURANDS: "  "})
    assert settings.changes == [(MEASURANDS, "SoC")]


def test_a_restart_that_is_needed_is_noted() -> None:
    settings = asked(Charger(), {MEASURANDS: OWN}, accepted="RebootRequired")
    assert len(settings.changes) == 1
    assert notes(settings.charger) == {
        "reboot_required": f"{MEASURANDS} is set once the charger starts again"
    }


def test_an_interval_of_zero_would_send_nothing() -> None:
    settings = asked(Charger(), {MEASURANDS: "SoC", INTERVAL: "0"})
    assert settings.changes == [(INTERVAL, "60")]


def test_a_list_that_cannot_be_read_is_left_alone() -> None:
    settings = asked(Charger(), {INTERVAL: "30"})
    assert settings.changes == []
    assert notes(settings.charger) == {"cannot_report": f"{MEASURANDS} cannot be read"}


def test_a_list_that_could_not_be_written_back_is_left_alone() -> None:
    settings = asked(Charger(), {MEASURANDS: "x" * 497})
    assert settings.changes == []
    settings = asked(Charger(), {MEASURANDS: "x" * 496})
    assert len(settings.changes) == 1


@pytest.mark.parametrize("answer", [{}, {"configurationKey": 5}, {"configurationKey": None}])
def test_a_strange_answer_changes_nothing(answer: object) -> None:
    charger = Charger()
    charger.send("BootNotification")
    charger.answer(answer)
    assert charger.calls[0][1] == "TriggerMessage"


def test_a_charger_that_refuses_to_tell_is_triggered_all_the_same() -> None:
    charger = Charger()
    charger.send("BootNotification")
    charger.refuse()
    assert charger.calls[0][1] == "TriggerMessage"


def test_a_charger_that_does_not_answer_is_given_up_step_by_step() -> None:
    charger = Charger()
    charger.send("BootNotification")
    assert charger.conversation.next_at == charger.now.clock + 30
    charger.answer(Settings(charger, {MEASURANDS: OWN}).GetConfiguration({"key": [MEASURANDS]}))
    actions = []
    while charger.calls:
        actions.append(charger.calls.pop(0)[2])
        charger.wait(30)
        charger.timer()
    assert [each["value"] for each in actions[:3]] == [f"{OWN},SoC", "SoC", OWN]
    assert actions[3:] == [{"requestedMessage": "MeterValues", "connectorId": 1}]
    assert charger.conversation.next_at is None
    assert notes(charger) == {
        "cannot_report": f"{MEASURANDS}: no answer",
        "cannot_trigger": "connector 1: no answer in 30 s",
    }


@pytest.mark.parametrize("version", V2)
def test_in_2_x_all_three_lists_are_set_in_one_call(version: Version) -> None:
    own = dict.fromkeys(VARIABLES, OWN)
    settings = asked(Charger(version), {**own, "TxUpdatedInterval": "0"})
    wanted = dict.fromkeys(VARIABLES, f"{OWN},SoC")
    assert dict(settings.changes) == {**wanted, "TxUpdatedInterval": "60"}
    assert settings.triggers == [{"requestedMessage": "MeterValues", "evse": {"id": 1}}]


@pytest.mark.parametrize("version", V2)
def test_in_2_x_each_list_that_is_refused_is_restored(version: Version) -> None:
    started, updated, ended = VARIABLES
    own = {started: "Voltage", updated: "SoC", ended: OWN}
    settings = asked(Charger(version), dict(own), refuses=lambda value: value.startswith("Energy"))
    assert settings.changes == [
        (started, "Voltage,SoC"),
        (ended, f"{OWN},SoC"),
        (ended, "SoC"),
    ]
    settings = asked(Charger(version), dict(own), refuses=lambda value: value.endswith("SoC"))
    assert settings.values == own
    assert settings.changes[-2:] == [(started, "Voltage"), (ended, OWN)]


@pytest.mark.parametrize("version", V2)
@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ({"refuses": lambda value: value.endswith("SoC")}, {"cannot_report": f"{VARIABLES[2]}: "}),
        ({"accepted": "RebootRequired"}, {"reboot_required": f"{VARIABLES[2]} is set once "}),
        ({}, {}),
    ],
    ids=["rejected", "restart needed", "accepted"],
)
def test_in_2_x_what_came_of_it_is_noted(
    version: Version, answer: dict[str, Any], note: dict[str, str]
) -> None:
    settings = asked(Charger(version), dict.fromkeys(VARIABLES, OWN), **answer)
    found = notes(settings.charger)
    assert list(found) == list(note)
    assert all(found[code].startswith(said) for code, said in note.items())


@pytest.mark.parametrize("version", Version)
def test_what_a_charger_accepts_and_ignores_is_not_asked_for_again(version: Version) -> None:
    own = {MEASURANDS: OWN, **dict.fromkeys(VARIABLES, OWN)}
    charger = Charger(version)
    settings = asked(charger, own)
    changes = list(settings.changes)
    for _ in range(100):
        charger.wait(60)
        charger.timer()
        charger.send("Heartbeat")
        settings.serve()
    assert settings.changes == changes
    assert len(settings.triggers) == 1
    assert not charger.conversation.known.reporting


ASKED = {
    Version.V16: {"GetConfiguration", "ChangeConfiguration", "TriggerMessage"},
    Version.V201: {"GetVariables", "SetVariables", "TriggerMessage"},
}
ASKED[Version.V21] = ASKED[Version.V201]


@pytest.mark.parametrize("version", Version)
def test_the_hub_asks_for_a_few_values_and_never_for_all_of_them(version: Version) -> None:
    # An answer to GetBaseReport had 18 KB; so has one to GetConfiguration without keys.
    charger = Charger(version)
    values = {MEASURANDS: OWN, INTERVAL: "0", **dict.fromkeys(VARIABLES, OWN)}
    settings = Settings(charger, values, refuses=lambda value: "SoC" in value)
    charger.send("BootNotification")
    actions = set[str]()
    while charger.calls:
        _, action, payload = charger.calls[0]
        actions.add(action)
        assert action != "GetConfiguration" or payload["key"]
        charger.answer(getattr(settings, action)(payload))
    assert actions == ASKED[version]


@pytest.mark.parametrize("version", V2)
def test_in_2_x_unknown_variables_are_left_alone(version: Version) -> None:
    settings = asked(Charger(version), {})
    assert settings.changes == []
    assert notes(settings.charger) == {"cannot_report": "TxStartedMeasurands cannot be read"}
    assert len(settings.triggers) == 1


def test_a_charger_that_sends_soc_is_not_asked_to() -> None:
    charger = Charger()
    charger.meter_values(28)
    assert charger.calls == []


# When.


def test_nothing_is_sent_before_the_boot_is_answered() -> None:
    charger = Charger(admitted=False)
    assert charger.send("BootNotification").calls == []
    charger.send("Heartbeat")
    assert charger.calls == []
    turn = charger.admit()
    assert len(turn.replies) == len(turn.calls) == 1


def test_without_a_boot_the_first_message_starts_the_questions() -> None:
    charger = Charger()
    assert charger.calls == []
    charger.send("Heartbeat")
    assert [action for _, action, _ in charger.calls] == ["GetConfiguration"]


def test_a_boot_starts_them_again_but_not_while_they_last() -> None:
    charger = Charger()
    settings = asked(charger, {MEASURANDS: OWN})
    charger.wait(60)
    charger.send("BootNotification")
    charger.send("BootNotification")
    settings.serve()
    assert settings.changes == [(MEASURANDS, f"{OWN},SoC")]
    assert len(settings.triggers) == 2


def test_each_connector_is_triggered_once() -> None:
    charger = Charger()
    for connector in (0, 1, 2):
        charger.send("StatusNotification", {"connectorId": connector, "status": "Available"})
    settings = Settings(charger, {MEASURANDS: "SoC"})
    settings.serve()
    assert [each["connectorId"] for each in settings.triggers] == [1, 2]
    charger.send("StatusNotification", {"connectorId": 2, "status": "Charging"})
    charger.send("StatusNotification", {"connectorId": 3, "status": "Charging"})
    settings.serve()
    assert [each["connectorId"] for each in settings.triggers] == [1, 2, 3]


def test_a_connector_that_says_its_level_is_not_triggered() -> None:
    charger = Charger()
    charger.send("StatusNotification", {"connectorId": 1, "status": "Charging"})
    charger.send("StatusNotification", {"connectorId": 2, "status": "Charging"})
    charger.meter_values(28, connector=2)
    settings = Settings(charger, {MEASURANDS: "SoC"})
    settings.serve()
    assert [each["connectorId"] for each in settings.triggers] == [1]


def test_a_connector_is_not_triggered_again_at_once() -> None:
    charger = Charger()
    settings = asked(charger, {MEASURANDS: "SoC"})
    charger.wait(5)
    assert charger.ask_again().calls == []
    assert charger.ask_again().calls == []
    assert charger.conversation.next_at == charger.now.clock + 25
    charger.wait(25)
    assert len(charger.timer().calls) == 1
    settings.serve()
    assert len(settings.triggers) == 2
    assert charger.conversation.next_at is None


def test_a_question_that_waits_is_not_asked_twice() -> None:
    charger = Charger()
    charger.meter_values(28)
    charger.command("x1")
    charger.ask_again()
    charger.ask_again()
    settings = Settings(charger, {})
    charger.answer({"status": "Accepted"})
    settings.serve()
    assert len(settings.triggers) == 1


def test_a_question_that_waited_counts_from_when_it_was_sent() -> None:
    charger = Charger()
    charger.behind = 49 * 60
    charger.meter_values(28)
    charger.command("x1")
    charger.ask_again()
    charger.wait(20)
    charger.answer({"status": "Accepted"})
    charger.wait(1)
    (reading,) = charger.meter_values(28, context="Trigger").readings
    assert reading.sampled_at == charger.now.clock - 1


def test_while_an_answer_is_waited_for_there_is_only_its_deadline() -> None:
    charger = Charger()
    charger.send("Heartbeat")
    charger.ask_again()
    assert charger.conversation.next_at == charger.now.clock + 30


def test_what_cannot_be_triggered_is_forgotten() -> None:
    charger = Charger()
    charger.meter_values(28)
    charger.ask_again(1)
    charger.answer({"status": "Accepted"})
    charger.ask_again(1)
    charger.ask_again(2)
    charger.answer({"status": "NotImplemented"})
    assert charger.conversation.next_at is None


@pytest.mark.parametrize("version", Version)
def test_a_connector_is_asked_again_when_that_is_needed(version: Version) -> None:
    charger = Charger(version)
    charger.meter_values(28)
    assert charger.calls == []
    charger.ask_again(2)
    _, action, payload = charger.calls[0]
    where = {"connectorId": 2} if version is Version.V16 else {"evse": {"id": 2}}
    assert (action, payload) == ("TriggerMessage", {"requestedMessage": "MeterValues", **where})


def test_a_charger_that_knows_no_triggers_is_not_triggered_again() -> None:
    charger = Charger()
    charger.meter_values(28)
    charger.ask_again()
    charger.answer({"status": "NotImplemented"})
    charger.wait(60)
    assert charger.ask_again().calls == []
    assert notes(charger) == {"cannot_trigger": "connector 1: NotImplemented"}


@pytest.mark.parametrize("answer", [{"status": "Rejected"}, {}, {"status": 5}])
def test_a_trigger_that_is_refused_may_be_tried_again(answer: object) -> None:
    charger = Charger()
    charger.meter_values(28)
    charger.ask_again()
    charger.answer(answer)
    assert "cannot_trigger" in notes(charger)
    charger.wait(60)
    assert len(charger.ask_again().calls) == 1


# What the hub knows of its calls.


def test_an_answer_tells_which_call_the_charger_has_received() -> None:
    charger = Charger()
    charger.meter_values(28)
    assert charger.meter_values(29).answered == 0
    charger.ask_again()
    assert charger.conversation.calls.newest == 1
    assert charger.answer({"status": "Accepted"}).answered == 1
