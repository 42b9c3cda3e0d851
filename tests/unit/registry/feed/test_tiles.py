"""What a stream sends next: each charger's newest tile once, in the order of the changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.feed import tiles as tiles_module
from services.registry.feed.tile import Tile
from services.registry.feed.tiles import Tiles
from tests.unit.registry.feed.found import dark

BOOTHS = ("near", "far", None)


def tile(charger: str, booth: str | None = None, label: str = "") -> Tile:
    update = {"charger": charger, "booth": booth, "label": label}
    return dark().tile.model_copy(update=update)


def heard(tiles: Tiles, number: int, booth: str | None = None) -> list[tuple[str, str | None]]:
    """Return what comes after a number: chargers, and their labels; None: gone."""
    return [
        (each.charger, None if each.text is None else json.loads(each.text)["label"])
        for each in tiles.after(number, booth, 100).changes
    ]


def test_only_what_changed_is_sent_and_the_newest_of_each() -> None:
    tiles = Tiles()
    for charger, label in (("c1", "a"), ("c2", "b"), ("c1", "c")):
        tiles.put(tile(charger, label=label))
    number = tiles.number
    assert heard(tiles, 0) == [("c2", "b"), ("c1", "c")]
    tiles.put(tile("c2", label="b"))  # as it was
    assert (tiles.number, heard(tiles, number)) == (number, [])
    tiles.put(tile("c2", label="d"))
    assert heard(tiles, number) == [("c2", "d")]


def test_what_is_gone_is_said_once_and_not_after_it_came_back() -> None:
    tiles = Tiles()
    tiles.put(tile("c1"))
    number = tiles.number
    tiles.remove("c1")
    tiles.remove("c1")
    tiles.remove("never-there")
    assert heard(tiles, number) == [("c1", None)]
    assert tiles.all(None) == []
    tiles.put(tile("c1", label="again"))
    assert heard(tiles, number) == [("c1", "again")]


def test_what_leaves_a_booth_is_gone_for_those_who_watch_it() -> None:
    tiles = Tiles()
    tiles.put(tile("c1", "near"))
    number = tiles.number
    tiles.put(tile("c1", "far"))
    assert heard(tiles, number, "near") == [("c1", None)]
    assert heard(tiles, number, "far") == heard(tiles, number) == [("c1", "")]
    assert heard(tiles, number, "") == []


def test_much_is_sent_in_pieces_that_say_how_far_they_go() -> None:
    tiles = Tiles()
    for number in range(10):
        tiles.put(tile(f"c{number}", "near" if number % 2 else "far"))
    found, number = [], 0
    while number < tiles.number:
        following = tiles.after(number, "near", 2)
        assert len(following.changes) <= 2
        assert following.number > number
        found += [each.charger for each in following.changes]
        number = following.number
    assert found == ["c1", "c3", "c5", "c7", "c9"]


def test_who_missed_too_much_of_what_is_gone_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles_module, "_MOST_GONE", 2)
    tiles = Tiles()
    for charger in ("c1", "c2", "c3"):
        tiles.put(tile(charger))
    number = tiles.number
    for charger in ("c1", "c2"):
        tiles.remove(charger)
    assert tiles.knows(number)
    tiles.remove("c3")
    assert not tiles.knows(number)
    assert tiles.knows(number + 1)
    assert heard(tiles, number + 1) == [("c2", None), ("c3", None)]
    assert not tiles.knows(tiles.number + 1)


_puts = st.tuples(
    st.sampled_from(["c1", "c2", "c3"]), st.sampled_from([*BOOTHS, "removed"]), st.integers(0, 2)
)


@given(st.lists(_puts), st.sampled_from(["near", "far", "", None]), st.integers(1, 3), st.data())
def test_who_takes_all_changes_sees_what_a_snapshot_shows(
    puts: list[tuple[str, str | None, int]], booth: str | None, most: int, data: st.DataObject
) -> None:
    tiles, seen, number = Tiles(), dict[str, str](), 0

    def take() -> None:
        nonlocal number
        following = tiles.after(number, booth, most)
        number = following.number
        for each in following.changes:
            if each.text is None:
                seen.pop(each.charger, None)
            else:
                seen[each.charger] = each.text

    for charger, at, label in puts:
        if at == "removed":
            tiles.remove(charger)
        else:
            tiles.put(tile(charger, at, str(label)))
        if data.draw(st.booleans()):
            take()  # now and then, and not always all
    while number < tiles.number:
        take()
    assert sorted(seen.values()) == sorted(tiles.all(booth))
