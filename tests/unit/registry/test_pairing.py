"""The rule of pairing."""

import pytest

from services.registry.devices.pairing import Decision, decide


@pytest.mark.parametrize(
    ("widget_now", "charger_now", "replace", "expected"),
    [
        (None, None, False, Decision.PAIR),
        ("w2", None, False, Decision.REFUSE),
        ("w2", None, True, Decision.PAIR),
        ("w1", "c1", False, Decision.KEEP),
        ("w1", "c1", True, Decision.KEEP),
        (None, "c2", False, Decision.REFUSE),
        ("w2", "c2", False, Decision.REFUSE),
        (None, "c2", True, Decision.PAIR),
        ("w2", "c2", True, Decision.PAIR),
    ],
)
def test_neither_is_taken_from_another_one_unless_asked_to(
    widget_now: str | None, charger_now: str | None, *, replace: bool, expected: Decision
) -> None:
    decision = decide(
        charger="c1", widget="w1", widget_now=widget_now, charger_now=charger_now, replace=replace
    )
    assert decision is expected
