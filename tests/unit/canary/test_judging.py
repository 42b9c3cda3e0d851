"""What became of a reading of the canary: rules without I/O."""

import pytest

from services.canary.judging import Judge, Outcome
from shared.contract.device_protocol import ChargingStatus

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED


def shows_red() -> Judge:
    """A canary whose widget shows red, and whose charger is about to report a yellow level."""
    judge = Judge()
    judge.begin(RED, 0)
    judge.on_sent(0)
    judge.on_lit(RED, 0.01)
    assert judge.outcome(0.02) is Outcome.RIGHT
    judge.begin(YELLOW, 100)
    return judge


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(0.005, Outcome.RIGHT), (1, Outcome.RIGHT), (1.01, Outcome.LATE), (30, Outcome.LATE)],
)
def test_a_light_is_right_within_a_second_and_late_after_it(
    seconds: float, outcome: Outcome
) -> None:
    judge = shows_red()
    judge.on_sent(100)
    assert judge.outcome(100) is None
    assert not judge.on_lit(YELLOW, 100 + seconds)
    assert judge.outcome(100 + seconds) is outcome
    assert judge.seconds == pytest.approx(seconds)


def test_another_light_five_seconds_after_the_receipt_is_wrong() -> None:
    judge = shows_red()
    judge.on_sent(100)
    judge.on_acknowledged(103)
    assert not judge.on_lit(RED, 104), "an older one may still be on its way"
    assert judge.outcome(107.9) is None
    assert judge.outcome(108) is Outcome.WRONG
    assert judge.seconds is None


def test_a_widget_that_shows_nothing_is_dark() -> None:
    judge = shows_red()
    judge.on_sent(100)
    judge.on_acknowledged(100)
    judge.on_widget_lost()
    assert judge.outcome(105) is Outcome.DARK


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_reading_without_a_receipt_makes_no_light_wrong(*, is_sent: bool) -> None:
    """The hub has not promised anything yet: it may be away, or store nothing."""
    judge = shows_red()
    if is_sent:
        judge.on_sent(102)
    assert judge.outcome(104.9) is None
    assert judge.outcome(105) is Outcome.DARK


def test_a_reading_that_is_sent_again_counts_from_the_first_time() -> None:
    judge = shows_red()
    judge.on_sent(100)
    judge.on_sent(102)
    judge.on_lit(YELLOW, 102.1)
    assert judge.seconds == pytest.approx(2.1)


def test_another_light_after_the_right_one_is_wrong_at_once() -> None:
    judge = shows_red()
    judge.on_sent(100)
    assert not judge.on_lit(YELLOW, 100.1)
    assert not judge.on_lit(YELLOW, 100.2), "the same again is not"
    assert judge.on_lit(GREEN, 100.3)
    assert judge.shown is GREEN


def test_a_light_from_before_the_reading_was_sent_is_not_its() -> None:
    judge = shows_red()
    judge.on_lit(YELLOW, 100.1)
    assert judge.seconds is None
    judge.on_sent(100.2)
    judge.on_lit(YELLOW, 100.3)
    assert judge.seconds == pytest.approx(0.1)


def test_before_the_first_reading_nothing_is_judged() -> None:
    judge = Judge()
    judge.on_sent(1)
    judge.on_acknowledged(1)
    assert not judge.on_lit(GREEN, 1)
    assert (judge.outcome(100), judge.seconds) == (None, None)
