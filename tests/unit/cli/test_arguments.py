"""What may be typed for ids and times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from services.cli.commands.arguments import device_id, device_ids
from services.cli.commands.moments import read_moment

ZONE = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 24, 1, 30, tzinfo=ZONE)
"""Half past one at night: the festival day has not ended."""


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24T00:12:13Z", datetime(2026, 11, 24, 0, 12, 13, tzinfo=UTC)),
        ("2026-11-24T01:12:13+01:00", datetime(2026, 11, 24, 0, 12, 13, tzinfo=UTC)),
        ("01:00", datetime(2026, 11, 24, 1, 0, tzinfo=ZONE)),
        ("01:29:59", datetime(2026, 11, 24, 1, 29, 59, tzinfo=ZONE)),
        ("1:05", datetime(2026, 11, 24, 1, 5, tzinfo=ZONE)),
        ("22:00", datetime(2026, 11, 23, 22, 0, tzinfo=ZONE)),  # not tonight: that is to come
        (" 2026-11-24 ", datetime(2026, 11, 24, tzinfo=ZONE)),
    ],
)
def test_a_time_is_understood(typed: str, meant: datetime) -> None:
    assert read_moment(typed, NOW) == meant


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+01:00"),
        ("2026-11-24 20:00", "2026-11-24T20:00:00+01:00"),
        ("2026-07-24T20:00:01", "2026-07-24T20:00:01+02:00"),
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_the_machine(typed: str, meant: str) -> None:
    assert read_moment(typed, NOW).isoformat() == meant


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("now", "2026-11-24T01:30:00+01:00"),
        ("today", "2026-11-24T00:00:00+01:00"),
        ("today 14:00", "2026-11-24T14:00:00+01:00"),
        ("yesterday", "2026-11-23T00:00:00+01:00"),
        ("Yesterday at 9:30", "2026-11-23T09:30:00+01:00"),
        ("tuesday", "2026-11-24T00:00:00+01:00"),  # it is one
        ("tue 20:00", "2026-11-17T20:00:00+01:00"),  # today's is to come
        ("friday 20:00", "2026-11-20T20:00:00+01:00"),
        ("sunday", "2026-11-22T00:00:00+01:00"),
        ("2 hours ago", "2026-11-23T23:30:00+01:00"),
        ("an hour ago", "2026-11-24T00:30:00+01:00"),
        ("90m", "2026-11-24T00:00:00+01:00"),
        ("45 seconds ago", "2026-11-24T01:29:15+01:00"),
        ("3 days ago", "2026-11-21T01:30:00+01:00"),
        ("1 week  ago", "2026-11-17T01:30:00+01:00"),
    ],
)
def test_a_time_may_be_said_in_words(typed: str, meant: str) -> None:
    assert read_moment(typed, NOW).isoformat() == meant


@pytest.mark.usefixtures("in_berlin")
def test_a_day_in_words_begins_in_the_zone_of_that_day() -> None:
    on_sunday = datetime(2026, 10, 25, 12, 0, tzinfo=ZONE)  # summer time ended at 3:00
    assert read_moment("yesterday 20:00", on_sunday).isoformat() == "2026-10-24T20:00:00+02:00"
    assert read_moment("today", on_sunday).isoformat() == "2026-10-25T00:00:00+02:00"


@pytest.mark.parametrize(
    "typed",
    [
        *("", "24.11.2026", "25:00", "2026-13-01", "20", "tomorrow", "to", "su", "hours ago"),
        *("2 months ago", "yesterday evening", "today 25:00", "-2 hours ago", "1.5 hours ago"),
        *("999999999 weeks ago", "2 h ago ago", "2026-11-24 evening"),
    ],
)
def test_what_is_no_time_is_told_with_what_is_one(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="no time; one is 2026-11-24"):
        read_moment(typed, NOW)


@pytest.mark.parametrize("typed", ["c1", ".", "..", "A_b-9", "x" * 64])
def test_an_id_is_taken_as_it_is(typed: str) -> None:
    assert device_id(typed) == typed


@pytest.mark.parametrize("typed", ["", "a/b", "c1\n", "ä", "x" * 65, "a b"])
def test_what_can_be_no_id_is_refused(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="1 to 64"):
        device_id(typed)
    with pytest.raises(typer.BadParameter, match="1 to 64"):
        device_ids(["c1", typed])
