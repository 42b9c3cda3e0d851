"""What the rules file says of each alert, and the pages that it leads to."""

import re
from typing import Any, Final

import pytest
import yaml

from tests.alerts.rules import ALERTMANAGER, RULES, alerts, shortened
from tests.fixtures.processes import ROOT

HEADINGS: Final = [
    "What visitors see",
    "First command",
    "Likely causes",
    "What to do",
    "When to wake a person",
]
RUNBOOKS: Final = ROOT / "docs" / "runbooks"
ALERTS: Final = alerts()
BY_NAME: Final = {alert["alert"]: alert for alert in ALERTS}


def names_of(alert: dict[str, Any]) -> str:
    return "-".join([alert["alert"], *filter(None, [alert["labels"].get("burn")])])


@pytest.mark.parametrize("alert", ALERTS, ids=names_of)
def test_an_alert_says_whom_to_wake_what_it_is_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    summary, runbook = alert["annotations"]["summary"], alert["annotations"]["runbook"]
    assert set(alert["annotations"]) == {"summary", "runbook"}
    assert len(summary) > 20
    assert "chargelight_" not in summary, "in words of the booth"
    text = (ROOT / runbook).read_text("utf-8")
    assert text.startswith(f"# {alert['alert']}\n\n{alert['labels']['severity'].capitalize()}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_page_of_the_runbook_begins_with_a_command(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert re.search(r"^## First command\n\n```\n\$ (chargelight|docker|curl)", text, re.MULTILINE)
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)
    assert all(len(part.strip()) > 5 for part in parts)


def test_no_page_of_the_runbook_is_of_an_alert_that_is_not_there() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(BY_NAME)


def test_each_alert_stands_in_the_table_of_the_operations_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (section,) = re.findall(r"^## Alerts\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    linked = re.findall(r"\[(\w+)\]\(runbooks/(\w+)\.md\)", section)
    assert {title for title, _ in linked} == {file for _, file in linked} == set(BY_NAME)


def inhibitions() -> list[tuple[set[str], set[str]]]:
    """Return for each rule the alerts that silence, and those that are silenced."""
    rules = yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]
    return [
        (named_by(rule["source_matchers"]), named_by(rule["target_matchers"])) for rule in rules
    ]


def named_by(matchers: list[str]) -> set[str]:
    (pattern,) = [found for each in matchers for found in re.findall(r"^alertname =~? (.+)$", each)]
    alternatives = pattern.strip('"').split("|")
    found = [{name for name in BY_NAME if re.fullmatch(one, name)} for one in alternatives]
    assert all(found), f"{pattern} names an alert that is not there"
    return set().union(*found)


def test_no_ticket_silences_a_page() -> None:
    severities = {name: alert["labels"]["severity"] for name, alert in BY_NAME.items()}
    pairs = {(a, b) for sources, targets in inhibitions() for a in sources for b in targets}
    assert len(pairs) > 20
    wrong = {(a, b) for a, b in pairs if severities[a] == "ticket" and severities[b] == "page"}
    assert wrong == set()


def test_a_wrong_light_is_never_silent() -> None:
    assert not any("LightsWrong" in targets for _, targets in inhibitions())


def test_no_two_alerts_silence_each_other() -> None:
    pairs = {(a, b) for sources, targets in inhibitions() for a in sources for b in targets}
    assert {pair for pair in pairs if pair[::-1] in pairs and pair[0] != pair[1]} == set()


def test_every_duration_of_a_rule_is_divided_but_no_range_gets_too_short() -> None:
    text = (
        "interval: 1m\n"
        "expr: rate(a[5m]) > 14.4 * b[20s] and max_over_time(sum(b5m)[1d:1m]) and c offset 30m\n"
        "for: 15s\nsummary: for 5 min\n"
    )
    assert shortened(text, 20) == (
        "interval: 3000ms\n"
        "expr: rate(a[15000ms]) > 14.4 * b[3000ms]"
        " and max_over_time(sum(b5m)[4320000ms:3000ms]) and c offset 90000ms\n"
        "for: 750ms\nsummary: for 5 min\n"
    )


def test_no_duration_of_the_rules_file_is_left_as_it_is() -> None:
    text = RULES.read_text("utf-8")
    durations = re.compile(r"\[[^\]]*\d[^\]]*\]|\b(?:for|interval): \d+\w+|offset \d+\w+")
    before, after = durations.findall(text), durations.findall(shortened(text, 20))
    assert len(before) == len(after) > 40
    assert all(a != b and "ms" in b for a, b in zip(before, after, strict=True))
    assert durations.sub("", text) == durations.sub("", shortened(text, 20))
