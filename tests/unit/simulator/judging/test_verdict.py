"""A judge is worth something only if it can say no."""

import pytest

from services.simulator.judging.thresholds import DEFAULT, parse_thresholds
from services.simulator.judging.verdict import Light, Verdict
from shared.contract.device_protocol import ChargingStatus

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED
SETTLE = 5.0


@pytest.fixture
def light() -> Light:
    """A light whose widget is connected since the time 0."""
    found = Light(parse_thresholds(DEFAULT), SETTLE)
    found.on_widget_connected(0)
    return found


def acknowledge(light: Light, number: int, level: float, now: float) -> None:
    light.on_reading_sent(number, level, now)
    light.on_reading_acknowledged(number, level, now)


def test_nothing_is_known_before_a_reading_is_acknowledged(light: Light) -> None:
    light.on_reading_sent(1, 50, 1)
    light.on_status_seen(GREEN, 2)
    assert light.verdict(100) is Verdict.UNKNOWN


def test_nothing_is_known_while_the_widget_is_not_connected(light: Light) -> None:
    acknowledge(light, 1, 50, 1)
    light.on_widget_disconnected()
    assert light.verdict(100) is Verdict.UNKNOWN


def test_the_light_of_the_last_acknowledged_reading_is_right(light: Light) -> None:
    acknowledge(light, 1, 85, 1)
    light.on_status_seen(YELLOW, 1.1)
    assert light.verdict(1.1) is Verdict.RIGHT
    assert light.verdict(1000) is Verdict.RIGHT


@pytest.mark.parametrize("shown", [RED, GREEN])
def test_any_other_light_is_late_at_first_and_wrong_then(
    light: Light, shown: ChargingStatus
) -> None:
    acknowledge(light, 1, 85, 1)
    light.on_status_seen(shown, 1.1)
    assert light.verdict(5.9) is Verdict.LATE
    assert light.verdict(6.1) is Verdict.WRONG


def test_a_dark_light_is_late_at_first_and_wrong_then(light: Light) -> None:
    acknowledge(light, 1, 50, 1)
    assert light.verdict(5.9) is Verdict.LATE
    assert light.verdict(6.1) is Verdict.WRONG


def test_a_light_that_stays_behind_is_wrong_five_seconds_after_the_receipt(light: Light) -> None:
    acknowledge(light, 1, 50, 1)
    light.on_status_seen(RED, 1.1)
    acknowledge(light, 2, 80, 20)
    assert light.verdict(24.9) is Verdict.LATE
    assert light.verdict(25.1) is Verdict.WRONG


def test_a_wrong_light_becomes_right_when_the_status_comes(light: Light) -> None:
    acknowledge(light, 1, 100, 1)
    assert light.verdict(10) is Verdict.WRONG
    light.on_status_seen(GREEN, 11)
    assert light.verdict(11) is Verdict.RIGHT


def test_a_later_reading_without_receipt_may_be_shown_already(light: Light) -> None:
    acknowledge(light, 1, 79, 1)
    light.on_reading_sent(2, 80, 2)
    light.on_status_seen(YELLOW, 3)
    assert light.verdict(60) is Verdict.RIGHT


def test_the_old_light_is_right_too_until_the_later_reading_has_its_receipt(light: Light) -> None:
    acknowledge(light, 1, 79, 1)
    light.on_status_seen(RED, 1.1)
    light.on_reading_sent(2, 80, 2)
    assert light.verdict(60) is Verdict.RIGHT
    light.on_reading_acknowledged(2, 80, 61)
    assert light.verdict(65.9) is Verdict.LATE
    assert light.verdict(66.1) is Verdict.WRONG


def test_a_light_that_neither_reading_calls_for_is_wrong_without_waiting_for_a_receipt(
    light: Light,
) -> None:
    acknowledge(light, 1, 79, 1)
    light.on_reading_sent(2, 80, 2)
    light.on_status_seen(GREEN, 3)
    assert light.verdict(6.1) is Verdict.WRONG


def test_an_older_receipt_does_not_settle_a_later_reading(light: Light) -> None:
    light.on_reading_sent(1, 79, 1)
    light.on_reading_sent(2, 80, 2)
    light.on_reading_acknowledged(1, 79, 3)
    light.on_status_seen(YELLOW, 3)
    assert light.verdict(60) is Verdict.RIGHT


def test_a_hub_that_is_always_a_little_late_is_never_wrong(light: Light) -> None:
    levels = [50, 85, 100] * 20
    acknowledge(light, 1, levels[0], 0)
    for number, level in enumerate(levels[1:], start=2):
        now = number * 4.0
        acknowledge(light, number, level, now)
        light.on_status_seen(
            parse_thresholds(DEFAULT).call_for(levels[number - 2]), now + 0.5
        )  # what was called for until half a second ago
        assert light.verdict(now + 3.9) is Verdict.LATE


def test_a_reconnecting_widget_gets_time_to_be_lit_again(light: Light) -> None:
    acknowledge(light, 1, 50, 1)
    light.on_status_seen(RED, 1.1)
    light.on_widget_disconnected()
    light.on_widget_connected(30)
    assert light.verdict(34.9) is Verdict.LATE
    assert light.verdict(35.1) is Verdict.WRONG


def test_an_older_status_after_a_newer_one_is_noticed_at_once(light: Light) -> None:
    acknowledge(light, 1, 50, 1)
    light.on_status_seen(RED, 1.1)
    light.on_status_seen(RED, 1.2)
    acknowledge(light, 2, 80, 2)
    assert not light.on_status_seen(YELLOW, 2.1).older
    assert light.on_status_seen(RED, 2.2).older


def test_other_thresholds_judge_otherwise() -> None:
    light = Light(parse_thresholds("charging=0,charging80=50,charged=90"), SETTLE)
    light.on_widget_connected(0)
    acknowledge(light, 1, 60, 1)
    light.on_status_seen(YELLOW, 1)
    assert light.verdict(10) is Verdict.RIGHT
