"""When a stored status that is newer than its charger's reading is replaced."""

import pytest

from services.router.reading import Reading
from services.router.statuses_ahead import StatusesAhead
from tests.unit.gateway.fake_device import Clock

AHEAD = (2**52, 1)
READING = Reading(0, "c1", 70.0, (5, 1), 7, "w1", is_overdue=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statuses(clock: Clock) -> StatusesAhead:
    return StatusesAhead(clock)


def look(statuses: StatusesAhead, clock: Clock, *seconds: float) -> tuple[int, int] | None:
    """Look so many times; return what the last one replaces."""
    for each in seconds:
        clock.now += each
        statuses.note(READING, AHEAD)
    return statuses.replaced_by(READING)


def test_one_that_stays_ahead_for_5_s_is_replaced(statuses: StatusesAhead, clock: Clock) -> None:
    assert look(statuses, clock, 0.0, 2.0, 2.9) is None
    assert look(statuses, clock, 0.2) == AHEAD


def test_what_a_doorbell_brings_may_be_old_and_replaces_nothing(
    statuses: StatusesAhead, clock: Clock
) -> None:
    heard = READING._replace(is_overdue=False)
    statuses.note(heard, AHEAD)
    assert not statuses
    look(statuses, clock, 0.0, 6.0)
    assert statuses.replaced_by(heard) is None


def test_with_another_status_the_time_begins_again(statuses: StatusesAhead, clock: Clock) -> None:
    look(statuses, clock, 0.0, 4.0)
    other = (2**52, 2)
    statuses.note(READING, other)
    clock.now += 4.0
    statuses.note(READING, other)
    assert statuses.replaced_by(READING) is None
    clock.now += 1.1
    statuses.note(READING, other)
    assert statuses.replaced_by(READING) == other


def test_a_charger_that_reports_meanwhile_keeps_no_status_from_being_replaced(
    statuses: StatusesAhead, clock: Clock
) -> None:
    for sequence in range(2, 9):
        reading = READING._replace(revision=(5, sequence))
        statuses.note(reading, AHEAD)
        clock.now += 1.0
    assert statuses.replaced_by(reading) == AHEAD
    newer = READING._replace(revision=(AHEAD[0], AHEAD[1] + 1))
    assert statuses.replaced_by(newer) is None


def test_another_light_of_the_same_reading_is_replaced_after_5_s_too(
    statuses: StatusesAhead, clock: Clock
) -> None:
    statuses.note(READING, READING.revision)
    assert statuses.replaced_by(READING) is None
    clock.now += 5.1
    assert statuses.replaced_by(READING) == READING.revision


def test_one_that_was_not_looked_at_for_long_is_noted_anew(
    statuses: StatusesAhead, clock: Clock
) -> None:
    assert look(statuses, clock, 0.0, 11.0) is None
    assert look(statuses, clock, 5.0) == AHEAD


def test_one_that_is_not_ahead_any_more_is_forgotten(statuses: StatusesAhead, clock: Clock) -> None:
    look(statuses, clock, 0.0, 6.0)
    statuses.forget(READING)
    assert statuses.replaced_by(READING) is None
    assert not statuses
