"""What may be typed for ids and times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from services.cli.commands.arguments import device_id, device_ids, read_moment

ZONE = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 24, 1, 30, tzinfo=ZONE)
"""Half past one at night: the festival day has not ended."""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24T00:12:13Z", datetime(2026, 11, 24, 0, 12, 13, tzinfo=UTC)),
        ("2026-11-24T01:12:13+01:00", datetime(2026, 11, 24, 0, 12, 13, tzinfo=UTC)),
        ("01:00", datetime(2026, 11, 24, 1, 0, tzinfo=ZONE)),
        ("01:29:59", datetime(2026, 11, 24, 1, 29, 59, tzinfo=ZONE)),
        ("22:00", datetime(2026, 11, 23, 22, 0, tzinfo=ZONE)),  # not tonight: that is to come
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


@pytest.mark.parametrize("typed", ["", "now", "24.11.2026", "25:00", "2026-13-01", "20"])
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
