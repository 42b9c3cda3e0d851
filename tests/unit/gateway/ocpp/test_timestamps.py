import pytest

from services.gateway.ocpp.timestamps import read_timestamp, write_timestamp

TEN = 1_796_032_800.0
"""2026-11-30 at 10:00, UTC."""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-30T10:00:00Z", TEN),
        ("2026-11-30T10:00:00.500Z", TEN + 0.5),
        ("2026-11-30T10:00:00.123456789Z", TEN + 0.123456),
        ("2026-11-30t10:00:00z", TEN),
        ("2026-11-30 10:00:00Z", TEN),
        (" 2026-11-30T10:00:00Z ", TEN),
        ("2026-11-30T12:00:00+02:00", TEN),
        ("2026-11-30T12:00:00+0200", TEN),
    ],
)
def test_a_time_is_read_in_the_ways_that_chargers_write_it(text: str, time: float) -> None:
    assert read_timestamp(text) == pytest.approx(time, abs=1e-5)


def test_a_time_without_a_zone_is_utc() -> None:
    assert read_timestamp("2026-11-30T10:00:00") == TEN


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "now", 1_796_032_800, True, [], {}, "2026-11-30", "10:00:00"),
        *("2026-13-30T10:00:00Z", "2026-11-30T10:00:61Z", "2026-11-30T10:00:00+99:00"),
        "2026-11-30T10:00:00Z" * 9,
    ],
)
def test_what_cannot_be_read_says_no_time(value: object) -> None:
    assert read_timestamp(value) is None


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z"])
def test_a_clock_that_was_never_set_says_no_time(text: str) -> None:
    assert read_timestamp(text) is None


def test_the_hub_writes_whole_seconds_of_utc() -> None:
    assert write_timestamp(TEN + 0.999) == "2026-11-30T10:00:00Z"
    assert write_timestamp(TEN + 1) == "2026-11-30T10:00:01Z"
