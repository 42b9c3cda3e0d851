"""Two devices with one id: from which traces an explanation says so."""

import pytest

from services.registry.live.refused import RefusedHandshake
from shared.contract.devices import Kind
from tests.unit.registry.test_explanation import NOW, SECOND, explained
from tests.unit.registry.test_refused_findings import refused

MINUTE = 60 * SECOND
ONE = refused("charger shared_id 10.0.0.7 /chargers/c1234", MINUTE)
OTHER = refused("charger shared_id 10.0.0.8 /chargers/c1234", 2 * MINUTE)


def times(each: RefusedHandshake, count: int) -> RefusedHandshake:
    return each.model_copy(update={"count": count})


def test_two_chargers_that_take_turns_are_not_all_right() -> None:
    explanation = explained(Kind.CHARGER, refused=[times(ONE, 2), times(OTHER, 1)])
    assert explanation.verdict.startswith("Two devices use the id c1234")
    assert "an id of its own" in (explanation.remedy or "")
    (finding,) = [each for each in explanation.findings if each.about == "shared id"]
    assert "3 times" in finding.text
    assert "from 10.0.0.7 and 10.0.0.8" in finding.text
    assert explained(Kind.WIDGET, refused=[times(ONE, 3)]).verdict == explanation.verdict


def test_two_widgets_are_told_by_their_own_traces() -> None:
    widget = times(refused("widget shared_id 10.0.0.9 /widgets/wABCD"), 3)
    assert explained(Kind.CHARGER, refused=[widget]).verdict.startswith("Two devices use the id w")


@pytest.mark.parametrize(
    "seen",
    [
        [times(ONE, 1), times(OTHER, 1)],
        [times(refused("charger shared_id 10.0.0.7 /chargers/c1234", 11 * MINUTE), 9)],
        [times(refused("charger shared_id 10.0.0.7 /chargers/c12345"), 9)],
        [times(refused("widget shared_id 10.0.0.7 /widgets/c1234"), 9)],
        [times(refused("charger wrong_path 10.0.0.7 /chargers/c1234"), 9)],
    ],
    ids=["twice", "long ago", "another charger", "a widget", "another reason"],
)
def test_few_old_or_other_traces_are_not_two_devices(seen: list[RefusedHandshake]) -> None:
    assert explained(Kind.CHARGER, refused=seen) == explained(Kind.CHARGER)


@pytest.mark.parametrize(("minutes", "is_shared"), [(4, False), (6, True)])
def test_a_widget_at_two_gateways_for_5_minutes_is_two(minutes: int, *, is_shared: bool) -> None:
    since = {"gateway-a": NOW - 60 * MINUTE, "gateway-b": NOW - minutes * MINUTE}
    explanation = explained(Kind.WIDGET, widget_presence={"gateways": since})
    assert explanation.verdict.startswith("Two devices use the id wABCD") is is_shared
