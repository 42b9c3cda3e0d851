"""``chargelight summary``: an evening in figures."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry


@pytest.mark.usefixtures("in_berlin")
def test_an_evening_is_shown_in_hours_and_minutes(run: Run, registry: FakeRegistry) -> None:
    answer = {
        "since": "2026-11-24T19:00:00Z",
        "rentals": 3,
        "mean_seconds_to_80": 1799.6,
        "median_seconds_to_100": 3720.0,
        "mean_seconds_to_100": None,
    }
    registry.answers(answer)
    ran = run("summary", "--since", "2026-11-24 20:00", "--until", "2026-11-25T04:00:00Z")
    assert [re.split(" {2,}", line) for line in ran.output.splitlines()] == [
        ["since", "2026-11-24 20:00:00+01:00"],
        ["rentals", "3"],
        ["mean time to 80", "30 min"],
        ["median time to 100", "1 h 2 min"],
        ["mean time to 100", "-"],
    ]
    (query,) = registry.queries()
    assert query == {"since": "2026-11-24T20:00:00+01:00", "until": "2026-11-25T05:00:00+01:00"}


def test_by_default_it_is_about_today(run: Run, registry: FakeRegistry) -> None:
    assert run("summary").code == 0
    (query,) = registry.queries()
    since = datetime.fromisoformat(query["since"])
    assert (since.hour, since.minute) == (0, 0)
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(hours=25)
