"""Which readings are of which phone, and which of them are written down."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from services.registry.estimate.progress import Point
from services.registry.history.phones import Phones
from services.registry.history.rows import NewLevel, OpenRental, ReadLevel
from shared.redis_state.values import LiveState

RENTAL, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
START = datetime(2026, 11, 24, tzinfo=UTC)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def point(minute: float, level: int) -> Point:
    return Point(at(minute).timestamp() / 60, level)


def reading(soc: float, minute: float = 60, mark: str = "8-t") -> LiveState:
    return LiveState(5, (5, 1), soc, round(at(minute).timestamp() * 1_000_000), mark=mark)


def phones(*levels: int) -> Phones:
    """Return a phone in c1 that has had these levels, a minute apart."""
    found = Phones()
    there = [OpenRental(RENTAL, "c1", 7, 9)]
    assert found.unknown(there) == [RENTAL]
    found.load([RENTAL], (ReadLevel(n, RENTAL, at(n), each) for n, each in enumerate(levels, 1)))
    found.replace(there)
    assert found.unknown(there) == []
    return found


def test_a_phone_has_what_was_written_down_and_its_newest_reading() -> None:
    found = phones(40, 41).points("c1", reading(42.9))
    assert found == [point(1, 40), point(2, 41), point(60, 42)]


@pytest.mark.parametrize("mark", ["", "6-t", "10-t", "-7", "7" * 20 + "-t", "\u0667-t", "t"])
def test_a_reading_of_another_pairing_is_not_of_the_phone(mark: str) -> None:
    found = phones(40)
    assert found.points("c1", reading(42, mark=mark)) is None
    assert list(found.news({"c1": reading(42, mark=mark)})) == []


@pytest.mark.parametrize("mark", ["7-t", "8-t", "9-t"])
def test_a_phone_whose_widget_was_replaced_is_the_same_phone(mark: str) -> None:
    assert phones(40).points("c1", reading(42, mark=mark)) is not None


def test_a_charger_without_a_rental_has_no_phone() -> None:
    found = phones(40)
    assert found.points("c2", reading(42)) is None
    found.replace([])
    assert found.points("c1", reading(42)) is None
    assert found.chargers == []


@pytest.mark.parametrize(
    ("levels", "soc", "is_news"),
    [
        ((), 0.5, True),
        ((40,), 40.9, False),
        ((40,), 41, True),
        ((40,), 39, False),
        ((40,), 38, True),
        ((50, 38), 39, True),
        ((50, 38), 50, True),
    ],
)
def test_a_level_is_written_down_when_it_rises_and_when_it_falls_by_more_than_a_gauge_does(
    levels: tuple[int, ...],
    soc: float,
    *,
    is_news: bool,
) -> None:
    news = list(phones(*levels).news({"c1": reading(soc)}))
    assert news == ([NewLevel(RENTAL, at(60), int(soc))] if is_news else [])


def test_a_reading_that_is_older_than_what_is_written_down_is_no_news() -> None:
    assert list(phones(40).news({"c1": reading(60, minute=0)})) == []


def test_the_next_phone_begins_without_the_levels_of_the_former_one() -> None:
    found = phones(90, 95)
    found.replace([OpenRental(OTHER, "c1", 8, 8)])
    found.add([ReadLevel(9, RENTAL, at(9), 97)])  # it was written down late
    assert found.points("c1", reading(10)) == [point(60, 10)]
    assert [each.rental for each in found.news({"c1": reading(10)})] == [OTHER]


def test_levels_that_are_loaded_twice_are_there_once() -> None:
    found = phones(40, 41)
    found.replace([])
    found.load([RENTAL], [ReadLevel(1, RENTAL, at(1), 40)])  # and then Postgres went away
    found.load([RENTAL], [ReadLevel(n, RENTAL, at(n), 39 + n) for n in (1, 2)])
    found.replace([OpenRental(RENTAL, "c1", 7, 9)])
    assert found.points("c1", reading(42)) == [point(1, 40), point(2, 41), point(60, 42)]


def test_what_is_read_again_changes_nothing() -> None:
    found = phones(40, 41, 42)
    for _ in range(2):
        found.add(ReadLevel(n, RENTAL, at(n), 39 + n) for n in range(2, 6))
    kept = found.points("c1", reading(44))
    assert kept is not None
    assert [each.level for each in kept] == [40, 41, 42, 43, 44, 44]


def test_a_phone_that_stays_keeps_its_levels_and_only_the_last_ones() -> None:
    found = phones(*range(100))
    found.replace([OpenRental(RENTAL, "c1", 7, 9), OpenRental(OTHER, "c2", 10, 10)])
    kept = found.points("c1", reading(99))
    assert kept is not None
    assert [each.level for each in kept] == [*range(60, 100), 99]
