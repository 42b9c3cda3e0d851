"""Statuses carry no number; what can be said about them is said, and no more."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.simulator.judging.status_matching import Match, StatusMatcher
from shared.contract.device_protocol import ChargingStatus

RED, YELLOW, GREEN = ChargingStatus.CHARGING, ChargingStatus.CHARGING80, ChargingStatus.CHARGED


def in_step() -> StatusMatcher:
    """A widget connected at 0 that shows red, for a reading of the time 1."""
    order = StatusMatcher()
    order.on_widget_connected(0)
    order.on_status_seen(GREEN, 0.5)  # left over from an earlier run
    order.on_reading_sent(RED, 1)
    assert order.on_status_seen(RED, 1.1) == Match()
    return order


def test_a_change_is_timed_from_its_first_reading() -> None:
    order = in_step()
    order.on_reading_sent(YELLOW, 10)
    order.on_reading_sent(YELLOW, 11)
    assert order.on_status_seen(YELLOW, 11.5) == Match(took=1.5)


def test_repeated_statuses_give_no_figure() -> None:
    order = in_step()
    order.on_reading_sent(RED, 2)
    assert order.on_status_seen(RED, 2.1) == Match()


def test_a_run_may_be_skipped() -> None:
    order = in_step()
    order.on_reading_sent(YELLOW, 10)
    order.on_reading_sent(GREEN, 11)
    assert order.on_status_seen(GREEN, 11.25) == Match(took=0.25)


def test_a_status_is_older_if_no_reading_since_calls_for_it() -> None:
    order = in_step()
    order.on_reading_sent(YELLOW, 10)
    order.on_status_seen(YELLOW, 10.1)
    assert order.on_status_seen(RED, 10.2) == Match(older=True)


def test_red_after_green_is_the_next_phone_and_not_older() -> None:
    order = in_step()
    for number, status in enumerate((YELLOW, GREEN, RED)):
        order.on_reading_sent(status, 10.0 + number)
        assert not order.on_status_seen(status, 10.5 + number).older


def test_a_leftover_from_an_earlier_run_says_nothing() -> None:
    order = StatusMatcher()
    order.on_reading_sent(RED, 0)
    order.on_reading_sent(YELLOW, 0.1)
    order.on_widget_connected(0.2)
    assert order.on_status_seen(YELLOW, 0.3) == Match()
    assert order.on_status_seen(RED, 0.4) == Match()


def test_a_change_from_before_the_widget_was_connected_is_not_timed() -> None:
    order = in_step()
    order.on_reading_sent(YELLOW, 10)
    order.on_widget_connected(20)
    assert order.on_status_seen(YELLOW, 20.1) == Match()


def test_an_older_status_is_noticed_after_a_reconnect_too() -> None:
    order = in_step()
    order.on_reading_sent(YELLOW, 10)
    order.on_status_seen(YELLOW, 10.1)
    order.on_widget_connected(20)
    assert order.on_status_seen(RED, 20.1) == Match(older=True)


@given(st.lists(st.sampled_from(list(ChargingStatus)), min_size=1, max_size=40), st.integers())
def test_a_hub_that_keeps_the_order_is_never_blamed(
    statuses: list[ChargingStatus], seed: int
) -> None:
    """Conflation, repetition and delay, in any mixture, are no offence."""
    rng = random.Random(seed)
    order = StatusMatcher()
    order.on_widget_connected(0)
    sent = shown = 0
    now = 0.0
    while shown < len(statuses):
        now += 1
        if sent < len(statuses) and rng.random() < 0.6:
            order.on_reading_sent(statuses[sent], now)
            sent += 1
        elif sent:
            shown = rng.randint(max(shown, 1), sent)
            match = order.on_status_seen(statuses[shown - 1], now)
            assert not match.older
            assert match.took is None or match.took >= 0
