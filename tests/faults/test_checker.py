"""The checker can fail: it is fed right histories, and wrong ones of each kind."""

import pytest

from shared.contract.device_protocol import ChargingStatus
from tests.faults.checker import Checker, Rule
from tests.faults.history import (
    Acknowledged,
    Event,
    FaultBegan,
    FaultEnded,
    PairingBegan,
    PairingInEffect,
    Quiet,
    Sent,
    Shown,
    WidgetConnected,
    WidgetDisconnected,
)

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED

BEGINNING: list[Event] = [
    PairingBegan(0.0, "w", "c"),
    PairingInEffect(0.1, "w"),
    WidgetConnected(1.0, "w"),
    Sent(2.0, "c", 1, RED),
    Acknowledged(2.1, "c", 1),
    Shown(2.2, "w", RED),
]


def broken_rules(*events: Event) -> list[Rule]:
    """Return the rules that a history breaks, after a beginning that breaks none."""
    checker = Checker()
    for event in [*BEGINNING, *events]:
        checker.take(event)
    return [violation.rule for violation in checker.violations]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([Quiet(20.0)], id="the light stays, and it is quiet"),
        pytest.param(
            [Sent(3.0, "c", 2, GREEN), Shown(3.1, "w", GREEN), Acknowledged(3.2, "c", 2)],
            id="the light comes before the receipt",
        ),
        pytest.param(
            [Sent(3.0, "c", 2, GREEN), Acknowledged(3.1, "c", 2), Shown(7.9, "w", GREEN)],
            id="late, but within the time",
        ),
        pytest.param(
            [Sent(3.0, "c", 2, YELLOW), Sent(9.0, "c", 3, GREEN), Shown(30.0, "w", GREEN)],
            id="nothing is acknowledged: it may not have been stored",
        ),
        pytest.param(
            [
                FaultBegan(3.0, "f"),
                Sent(3.5, "c", 2, GREEN),
                Acknowledged(3.6, "c", 2),
                FaultEnded(30.0, "f"),
                Shown(34.9, "w", GREEN),
                Quiet(40.0),
            ],
            id="during a fault and five seconds after it",
        ),
        pytest.param(
            [
                WidgetDisconnected(3.0, "w"),
                Sent(3.5, "c", 2, GREEN),
                Acknowledged(3.6, "c", 2),
                WidgetConnected(60.0, "w"),
                Shown(60.1, "w", GREEN),
                Quiet(70.0),
            ],
            id="not connected, so not to be judged",
        ),
        pytest.param(
            [
                Sent(3.0, "c", 2, YELLOW),
                Sent(3.1, "c", 3, GREEN),
                Acknowledged(3.2, "c", 3),
                Shown(3.3, "w", GREEN),
                Quiet(10.0),
            ],
            id="an intermediate status was left out",
        ),
        pytest.param(
            [
                PairingBegan(3.0, "w", "other"),
                PairingInEffect(3.1, "w"),
                Shown(3.2, "w", RED),  # still on the old connection
                WidgetDisconnected(3.3, "w"),
                WidgetConnected(3.5, "w"),
                Sent(4.0, "other", 1, YELLOW),
                Acknowledged(4.1, "other", 1),
                Shown(4.2, "w", YELLOW),
                Quiet(10.0),
            ],
            id="paired again, dark in between",
        ),
        pytest.param(
            [
                PairingBegan(3.0, "w", "other"),
                WidgetDisconnected(3.1, "w"),
                WidgetConnected(3.2, "w"),
                Sent(3.3, "other", 1, GREEN),
                Acknowledged(3.4, "other", 1),
                Shown(3.5, "w", GREEN),
                PairingInEffect(3.6, "w"),  # told late
                Quiet(20.0),
            ],
            id="lit by its pairing before the operator was told that it is in effect",
        ),
    ],
)
def test_a_right_history_breaks_no_rule(events: list[Event]) -> None:
    assert broken_rules(*events) == []


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        pytest.param(
            [Sent(3.0, "c", 2, GREEN), Acknowledged(3.1, "c", 2), Shown(8.2, "w", GREEN)],
            Rule.LATE,
            id="the light comes after more than five seconds",
        ),
        pytest.param(
            [
                Sent(3.0, "c", 2, RED),
                Acknowledged(3.1, "c", 2),
                Sent(8.1, "c", 3, YELLOW),
            ],
            Rule.LATE,
            id="the light is right, but there was no message for a reading",
        ),
        pytest.param(
            [
                WidgetDisconnected(3.0, "w"),
                WidgetConnected(4.0, "w"),
                Sent(9.1, "c", 2, RED),
            ],
            Rule.LATE,
            id="a widget stays dark after it connects",
        ),
        pytest.param(
            [
                FaultBegan(3.0, "f"),
                Sent(3.5, "c", 2, GREEN),
                Acknowledged(3.6, "c", 2),
                FaultEnded(30.0, "f"),
                Shown(35.1, "w", GREEN),
            ],
            Rule.LATE,
            id="more than five seconds after a fault",
        ),
        pytest.param(
            [
                Sent(3.0, "c", 2, GREEN),
                Acknowledged(3.1, "c", 2),
                Shown(3.2, "w", GREEN),
                Shown(3.3, "w", RED),
            ],
            Rule.OLDER,
            id="back to an older status",
        ),
        pytest.param(
            [
                FaultBegan(3.0, "f"),
                Sent(3.1, "c", 2, GREEN),
                Acknowledged(3.1, "c", 2),
                Shown(3.2, "w", GREEN),
                Shown(3.3, "w", RED),
                FaultEnded(3.4, "f"),
            ],
            Rule.OLDER,
            id="back to an older status, and a fault is no excuse",
        ),
        pytest.param(
            [
                Sent(3.0, "c", 2, GREEN),
                Acknowledged(3.1, "c", 2),
                WidgetDisconnected(3.2, "w"),
                WidgetConnected(3.3, "w"),
                Shown(3.4, "w", GREEN),
                WidgetDisconnected(3.5, "w"),
                WidgetConnected(3.6, "w"),
                Shown(3.7, "w", RED),
            ],
            Rule.OLDER,
            id="a new connection shows an older status than the one before",
        ),
        pytest.param(
            [Sent(3.0, "c", 2, GREEN), Acknowledged(3.1, "c", 2), Quiet(5.0)],
            Rule.LOST,
            id="the last reading before a quiet time is missing",
        ),
        pytest.param([Shown(3.0, "w", GREEN)], Rule.FOREIGN, id="no reading called for it"),
        pytest.param(
            [
                PairingBegan(3.0, "w", "other"),
                PairingInEffect(3.1, "w"),
                WidgetDisconnected(3.2, "w"),
                WidgetConnected(3.3, "w"),
                Shown(3.4, "w", RED),
            ],
            Rule.FOREIGN,
            id="the last visitor's light on a new connection",
        ),
        pytest.param(
            [
                PairingBegan(3.0, "w", "other"),
                PairingInEffect(3.1, "w"),
                Shown(5.2, "w", RED),
            ],
            Rule.FOREIGN,
            id="the last visitor's light on an old connection, for too long",
        ),
        pytest.param(
            [
                WidgetDisconnected(2.5, "w"),
                Sent(2.6, "other", 1, GREEN),
                Acknowledged(2.7, "other", 1),
                PairingBegan(3.0, "w", "other"),
                PairingInEffect(3.1, "w"),
                WidgetConnected(3.5, "w"),
                Shown(3.6, "w", GREEN),
            ],
            Rule.FOREIGN,
            id="a reading from before the pairing lights it",
        ),
        pytest.param(
            [
                PairingBegan(3.0, "w", None),
                PairingInEffect(3.1, "w"),
                WidgetDisconnected(3.2, "w"),
                WidgetConnected(3.3, "w"),
                Shown(3.4, "w", RED),
            ],
            Rule.FOREIGN,
            id="unpaired, but lit",
        ),
        pytest.param(
            [PairingBegan(3.0, "w", None), PairingInEffect(3.1, "w"), Quiet(8.2)],
            Rule.LATE,
            id="unpaired, and the light stays on the old connection",
        ),
        pytest.param(
            [PairingBegan(3.0, "w", "other"), PairingInEffect(3.1, "w"), Quiet(8.2)],
            Rule.LATE,
            id="paired with a silent charger, and the last visitor's light stays",
        ),
    ],
)
def test_a_wrong_history_breaks_its_rule(events: list[Event], rule: Rule) -> None:
    assert set(broken_rules(*events)) == {rule}


def test_one_wrong_light_is_one_violation() -> None:
    sent: list[Event] = [Sent(3.0, "c", 2, GREEN), Acknowledged(3.1, "c", 2)]
    more: list[Event] = [Sent(10.0 + i, "c", 3 + i, GREEN) for i in range(5)]
    assert broken_rules(*sent, *more) == [Rule.LATE]


def test_it_tells_who_is_not_right_now() -> None:
    checker = Checker()
    for event in BEGINNING:
        checker.take(event)
    assert checker.not_right(2.3) == []
    checker.take(Sent(3.0, "c", 2, GREEN))
    checker.take(Acknowledged(3.1, "c", 2))
    assert checker.not_right(3.2) == ["w"]
    assert checker.not_right(3.2, patience=0.5) == []
    checker.take(Shown(3.3, "w", GREEN))
    assert checker.not_right(3.4) == []
