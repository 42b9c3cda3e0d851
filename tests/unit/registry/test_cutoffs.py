"""How old something must be to be removed."""

from datetime import UTC, datetime, timedelta

import pytest

from services.registry.retention.cutoffs import Cutoffs, Keep, cutoffs

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


def test_each_thing_is_kept_for_its_own_days() -> None:
    assert cutoffs(Keep(30, 365, 60, 7), NOW, NOW) == Cutoffs(
        datetime(2026, 10, 25, 20, 0, tzinfo=UTC),
        datetime(2025, 11, 24, 20, 0, tzinfo=UTC),
        datetime(2026, 9, 25, 20, 0, tzinfo=UTC),
        datetime(2026, 11, 17, 20, 0, tzinfo=UTC),
    )


def test_without_a_number_of_days_nothing_is_ever_old() -> None:
    assert cutoffs(Keep(), NOW, NOW) == Cutoffs(None, None, None, None)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_a_clock_that_is_ahead_removes_nothing_too_early(ahead: timedelta) -> None:
    right = cutoffs(Keep(30, 365, 30), NOW, NOW)
    assert cutoffs(Keep(30, 365, 30), NOW + ahead, NOW) == right
    assert cutoffs(Keep(30, 365, 30), NOW, NOW + ahead) == right
