import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.ocpp.charger_clock import ChargerClock
from services.gateway.ocpp.samples import Sample
from services.gateway.ocpp.turn import Now

UTC = 1_796_032_800.0
MINUTES_49 = 49 * 60.0


class Sent:
    """Samples as they come: when, and how old by the charger's clock."""

    def __init__(self) -> None:
        self.clock = ChargerClock()

    def at(
        self,
        second: float,
        lag: float | None,
        *,
        triggered_at: float | None = None,
        is_triggered: bool = False,
        is_offline: bool = False,
    ) -> float | None:
        """Return how old the sample is taken to be; None: nobody knows."""
        now = Now(second, UTC + second)
        sample = Sample(28, None if lag is None else now.utc - lag, is_triggered)
        at = self.clock.sampled_at(sample, now, triggered_at=triggered_at, is_offline=is_offline)
        return None if at is None else round(second - at, 4)

    def note(self, second: float, lag: float) -> None:
        now = Now(second, UTC + second)
        self.clock.note(now.utc - lag, now)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.mark.parametrize("lag", [0, 0.4, 5, 60, 300, 86_400])
def test_a_sample_is_as_old_as_it_says(sent: Sent, lag: float) -> None:
    assert sent.at(0, lag) == lag


@pytest.mark.parametrize("lag", [-1, -60, -86_400 * 400])
def test_a_sample_from_the_future_is_of_now(sent: Sent, lag: float) -> None:
    assert sent.at(0, lag) == 0


def test_a_sample_without_a_time_is_of_now(sent: Sent) -> None:
    assert sent.at(0, None) == 0


def test_unless_the_charger_had_no_connection_then(sent: Sent) -> None:
    assert sent.at(0, None, is_offline=True) is None


def test_two_samples_in_a_row_that_lag_equally_show_a_wrong_clock(sent: Sent) -> None:
    assert sent.at(0, MINUTES_49) == MINUTES_49
    assert sent.at(30, MINUTES_49 + 1.5) == 0
    assert sent.at(60, MINUTES_49 + 1) == 0
    assert sent.clock.offset == MINUTES_49 + 1.5


def test_a_queue_that_is_sent_at_once_is_late(sent: Sent) -> None:
    ages = [sent.at(n * 0.1, 600 - n * 10) for n in range(50)]
    assert ages == [600 - n * 10 for n in range(50)]
    assert sent.at(6, 0.5) == 0.5


def test_a_queue_of_samples_from_second_to_second_is_late(sent: Sent) -> None:
    for n in range(50):
        assert sent.at(n * 0.01, 600 - n) == 600 - n


def test_a_queue_that_is_sent_nearly_as_fast_is_late(sent: Sent) -> None:
    for n in range(20):
        assert sent.at(1.2 * n, 300 - 1.8 * n) == round(300 - 1.8 * n, 4)


def test_a_clock_that_was_ahead_may_be_behind_next(sent: Sent) -> None:
    sent.note(0, -3600)
    assert sent.at(10, 300) == 300
    assert sent.at(40, 300) == 0


@pytest.mark.parametrize("apart", [0.0, 1.0, 2.0])
def test_a_sample_that_is_sent_again_is_late_again(sent: Sent, apart: float) -> None:
    assert sent.at(0, 300) == 300
    assert sent.at(apart, 300 + apart) == 300 + apart


def test_two_connectors_that_sampled_together_do_not_show_a_wrong_clock(sent: Sent) -> None:
    assert sent.at(0, 300) == 300
    assert sent.at(0.1, 300.1) == 300.1


def test_a_clock_that_was_right_a_moment_ago_is_not_wrong(sent: Sent) -> None:
    # A queue whose receipts waited for Redis for as long as lies between its samples.
    sent.note(0, 0.5)
    for n in range(20):
        assert sent.at(10.0 * n, 300) == 300


def test_after_a_while_it_may_have_been_set(sent: Sent) -> None:
    sent.note(0, 0.5)
    assert sent.at(590, 300) == 300
    assert sent.at(620, 300) == 0


def test_events_without_a_connection_show_nothing_of_the_clock(sent: Sent) -> None:
    for n in range(5):
        assert sent.at(30.0 * n, 300, is_offline=True) == 300


def test_once_the_clock_is_known_a_late_sample_is_as_old_as_it_is(sent: Sent) -> None:
    sent.at(0, MINUTES_49)
    sent.at(30, MINUTES_49)
    assert sent.at(60, MINUTES_49 + 200) == 200
    assert sent.at(61, MINUTES_49 + 190) == 190
    assert sent.at(62, MINUTES_49) == 0


def test_a_clock_that_is_set_right_is_believed_at_once(sent: Sent) -> None:
    sent.at(0, MINUTES_49)
    sent.at(30, MINUTES_49)
    assert sent.at(60, 0.5) == 0.5
    assert sent.clock.offset == 0
    assert sent.at(70, 20) == 20


def test_a_clock_that_drifts_is_followed(sent: Sent) -> None:
    ages = [sent.at(60.0 * n, MINUTES_49 + n * 0.2) for n in range(60)]
    ages += [sent.at(3600 + 60.0 * n, MINUTES_49 + 12 - n * 0.2) for n in range(60)]
    assert all(age is not None and age < 5 for age in ages[1:])


def test_a_clock_a_little_behind_is_known_too(sent: Sent) -> None:
    assert sent.at(0, 40) == 40
    assert sent.at(30, 40) == 0
    assert sent.at(60, 0) == 0


def test_the_answer_to_a_trigger_shows_a_wrong_clock(sent: Sent) -> None:
    assert sent.at(10, MINUTES_49, triggered_at=9, is_triggered=True) == 1
    assert sent.at(40, MINUTES_49) == 1


def test_the_answer_to_a_trigger_is_no_older_than_the_question(sent: Sent) -> None:
    assert sent.at(10, 2, triggered_at=9, is_triggered=True) == 1
    assert sent.at(20, 0.5, triggered_at=19, is_triggered=True) == 0.5


def test_an_answer_that_nobody_asked_for_is_late(sent: Sent) -> None:
    assert sent.at(10, 300, is_triggered=True) == 300


def test_an_answer_to_a_question_of_long_ago_is_late(sent: Sent) -> None:
    assert sent.at(100, 300, triggered_at=9, is_triggered=True) == 300


def test_an_old_answer_in_a_queue_is_late_if_the_clock_is_right(sent: Sent) -> None:
    sent.note(5, 0)
    assert sent.at(10, 300, triggered_at=9, is_triggered=True) == 300


@given(
    st.lists(st.floats(0, 3600), min_size=1, max_size=20),
    st.floats(1, 3600),
    st.floats(0, 0.2),
)
def test_whatever_is_sent_at_once_after_an_outage_is_as_old_as_it_is(
    sampled: list[float], outage: float, apart: float
) -> None:
    sent = Sent()
    began = 3600 + outage
    for n, second in enumerate(sorted(sampled)):
        now = began + n * apart
        # To the hub a sample may seem younger by no more than lies between two of its messages.
        assert sent.at(now, now - second) == pytest.approx(now - second, abs=0.001)


@given(
    st.floats(3, 86_400 * 365),
    st.lists(st.floats(3, 300), min_size=2, max_size=20),
    st.lists(st.floats(0, 0.9), min_size=20, max_size=20),
)
def test_a_wrong_clock_keeps_no_light_dark_for_longer_than_one_sample(
    behind: float, intervals: list[float], delays: list[float]
) -> None:
    sent = Sent()
    second, ages = 0.0, []
    for interval, delay in zip(intervals, delays, strict=False):
        second += interval
        ages.append(sent.at(second + delay, behind + delay))
    assert all(age is not None and age <= 2.0 for age in ages[1:])
