"""An older light never replaces a newer one, however late or often it is read or heard."""

import itertools
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.feed.newer import newer_change, next_tile
from services.registry.feed.tile import Found, LightChange, Row, Tile, find
from services.registry.live.state import to_datetime
from shared.contract.device_protocol import ChargingStatus
from tests.unit.registry.feed.found import ENVIRONMENT, NOW, dark, lit, raw

ROW = Row("c1")
ALL = [
    lit("charged", pairing=7, sequence=9),
    dark(8),
    lit("charging", pairing=8, sequence=1),
    lit("charging80", pairing=8, sequence=2),
    lit("charged", pairing=8, sequence=3),
]
"""One after the other, as they happen."""


def shown_after(found: list[Found]) -> Tile:
    tile: Tile | None = None
    for each in found:
        tile = next_tile(tile, each, ROW, None)
    assert tile is not None
    return tile


def order(found: Found) -> tuple[int, list[int]]:
    return (found.tile.pairing_number or 0, found.tile.revision or [])


@given(st.lists(st.sampled_from([each for each in ALL if each.tile.light]), min_size=1))
def test_in_whatever_order_and_however_often_the_newest_light_stays(found: list[Found]) -> None:
    newest = max(found, key=order)
    shown = shown_after(found)
    assert (shown.light, shown.revision) == (newest.tile.light, newest.tile.revision)


@pytest.mark.parametrize("before", ALL[2:])
def test_what_is_of_an_earlier_pairing_changes_nothing_of_the_light(before: Found) -> None:
    shown = shown_after([before, ALL[0]])
    assert (shown.light, shown.pairing_number) == (before.tile.light, 8)


def test_a_new_pairing_is_dark_whatever_was_lit_before() -> None:
    for before in ALL[:1]:
        assert shown_after([before, dark(8)]).light is None


def test_what_redis_has_lost_does_not_look_current() -> None:
    assert shown_after([lit("charged", sequence=3), dark()]).light is None
    gone = find(ROW, raw(), ENVIRONMENT)
    assert shown_after([lit("charged", sequence=3), gone]).light is None
    # And it comes back.
    assert shown_after([lit("charged", sequence=3), gone, lit("charged", sequence=3)]).light


def test_what_stands_in_place_of_a_status_that_nothing_led_to_counts() -> None:
    wrong = lit("charged", sequence=99)
    assert shown_after([wrong, lit("charging", sequence=2)]).light is ChargingStatus.CHARGED
    right = lit("charging", sequence=2, replaces=[5, 99])
    assert shown_after([wrong, right]).light is ChargingStatus.CHARGING


def test_all_else_of_a_tile_is_taken_as_it_was_read() -> None:
    known = next_tile(None, ALL[-1], ROW, None)
    older = ALL[0].tile.model_copy(update={"label": "new", "booth": "far"})
    shown = next_tile(known, Found(older), ROW, None)
    assert (shown.label, shown.booth) == ("new", "far")
    assert (shown.light, shown.revision) == (known.light, known.revision)


def change(light: str, sequence: int, pairing: int = 7) -> LightChange:
    return LightChange((pairing, 5, sequence, 1), ChargingStatus(light), NOW + sequence)


def test_of_changes_the_newest_counts_in_whatever_order_they_come() -> None:
    changes = [change("charging", 1), change("charging80", 2), change("charging", 1, 8)]
    for some in itertools.permutations([*changes, *changes], 4):
        newest: LightChange | None = None
        for each in some:
            newest = newer_change(newest, each)
        assert newest == max(some)


def test_since_when_a_light_is_what_it_is_stays_while_it_does() -> None:
    begun = next_tile(None, lit("charging", sequence=1), ROW, change("charging", 1))
    assert begun.light_since == to_datetime(NOW + 1)
    later = next_tile(begun, lit("charging", sequence=5), ROW, None)
    assert later.light_since == begun.light_since
    ready = next_tile(later, lit("charged", sequence=6), ROW, change("charged", 6))
    assert ready.light_since == to_datetime(NOW + 6)


def test_a_change_that_nobody_rang_for_is_dated_by_its_reading() -> None:
    begun = next_tile(None, lit("charging", sequence=1), ROW, None)
    assert begun.light_since is None
    ready = next_tile(begun, lit("charged", sequence=6), ROW, None)
    assert ready.light_since == to_datetime(NOW + 6)


def test_a_change_of_another_light_or_pairing_dates_nothing() -> None:
    for heard in (change("charging80", 2), change("charged", 1, 6)):
        assert next_tile(None, lit("charged", sequence=6), ROW, heard).light_since is None


def test_a_rental_says_when_its_phone_was_ready() -> None:
    reached = datetime(2026, 11, 24, tzinfo=UTC)
    row = Row(
        "c1",
        rental=uuid.UUID(int=1),
        opened_at=reached,
        rented_widget="w1",
        reached_80_at=datetime(2026, 11, 23, tzinfo=UTC),
        reached_100_at=reached,
    )
    assert next_tile(None, lit("charged"), row, None).light_since == reached
    assert next_tile(None, lit("charging80"), row, None).light_since == row.reached_80_at
    other = row._replace(rented_widget="w2")
    assert next_tile(None, lit("charged"), other, None).light_since is None
