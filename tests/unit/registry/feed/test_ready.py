"""When the phone of a tile will be full, and how seldom that is worked out."""

import uuid
from datetime import timedelta
from typing import Final

import pytest

from services.registry.estimate.shown import Minutes, PhoneEstimate
from services.registry.feed.ready import ReadyTimes
from services.registry.feed.tile import Row, TileReady
from services.registry.live.redis_values import RawCharger
from services.registry.live.state import to_datetime
from tests.unit.registry.feed.found import NOW, entry, live, raw

RENTED: Final = Row("c1", rental=uuid.UUID(int=1))
RAW: Final = raw(entry(), live=live())
MINUTE: Final = 60_000_000


class Estimates:
    """What is estimated next, and how often it was asked for."""

    def __init__(self) -> None:
        self.to_100: tuple[int, int] | None = (25, 40)
        self.asked = 0
        self.times = ReadyTimes(self.estimate_of)

    def estimate_of(self, _: RawCharger, now: int) -> PhoneEstimate | None:
        assert now >= NOW
        self.asked += 1
        if self.to_100 is None:
            return None
        earliest, latest = self.to_100
        to_100 = Minutes(earliest_minutes=earliest, latest_minutes=latest)
        return PhoneEstimate(to_80=None, to_100=to_100, unknown=None)

    def of(self, level: float | None = 70, at: int = NOW, row: Row = RENTED) -> TileReady | None:
        return self.times.of(row, RAW, level, at)


@pytest.fixture
def estimates() -> Estimates:
    return Estimates()


def ready(earliest: int, latest: int, at: int = NOW) -> TileReady:
    now = to_datetime(at)
    return TileReady(
        earliest_at=now + timedelta(minutes=earliest), latest_at=now + timedelta(minutes=latest)
    )


def test_it_is_worked_out_for_each_percent_and_each_minute_only(estimates: Estimates) -> None:
    for level, at in ((70, NOW), (70.9, NOW + 1), (70, NOW + MINUTE - 1)):
        assert estimates.of(level, at) == ready(25, 40)
    assert estimates.asked == 1
    estimates.to_100 = (15, 30)
    assert estimates.of(71, NOW + 1) == ready(15, 30, NOW + 1)
    estimates.to_100 = None
    assert estimates.of(71, NOW + MINUTE) == ready(15, 30, NOW + 1)
    assert estimates.of(71, NOW + 1 + MINUTE) is None
    assert estimates.asked == 3


def test_a_little_earlier_or_later_is_told_as_it_was(estimates: Estimates) -> None:
    assert estimates.of() == ready(25, 40)
    estimates.to_100 = (23, 42)
    assert estimates.of(71) == ready(25, 40)
    estimates.to_100 = (22, 42)
    assert estimates.of(72) == ready(22, 42)


def test_the_next_phone_has_its_own(estimates: Estimates) -> None:
    assert estimates.of() == ready(25, 40)
    estimates.to_100 = (24, 40)
    assert estimates.of(row=Row("c1", rental=uuid.UUID(int=2))) == ready(24, 40)


@pytest.mark.parametrize(("row", "level"), [(Row("c1"), 70), (RENTED, None)])
def test_without_a_rental_or_a_level_there_is_none(
    estimates: Estimates, row: Row, level: float | None
) -> None:
    assert estimates.of() is not None
    assert estimates.of(level, row=row) is None
    assert estimates.asked == 1
    estimates.of()
    assert estimates.asked == 2
