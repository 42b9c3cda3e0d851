"""Lists of devices and of pairings: what they show, and their pages."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.registry.by_rest import assert_problem, paired, registered
from tests.integration.registry.conftest import By, RunningRegistry

LISTS = pytest.mark.parametrize("path", ["/chargers", "/widgets", "/pairings"])
DEVICES = pytest.mark.parametrize("path", ["/chargers", "/widgets"])


async def _page(registry: RunningRegistry, path: str, **query: object) -> dict[str, Any]:
    answer = await registry.send("GET", f"{path}?{urlencode(query)}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    assert set(page) == {"items", "next"}
    return page


async def _items(registry: RunningRegistry, path: str, **query: object) -> list[dict[str, Any]]:
    page = await _page(registry, path, **query)
    assert page["next"] is None
    items: list[dict[str, Any]] = page["items"]
    return items


async def _ids(registry: RunningRegistry, path: str, **query: object) -> list[str]:
    return [_id_of(item) for item in await _items(registry, path, **query)]


def _id_of(item: dict[str, Any]) -> str:
    found: str = item["id"] if "id" in item else item["charger"]
    return found


async def _pages(
    registry: RunningRegistry, path: str, **query: object
) -> AsyncIterator[list[dict[str, Any]]]:
    page = await _page(registry, path, **query)
    yield page["items"]
    while (cursor := page["next"]) is not None:
        page = await _page(registry, path, **query, cursor=cursor)
        assert page["next"] != cursor, "a page that leads to itself"
        yield page["items"]


async def _fill(by_hand: By, pairs: int) -> None:
    """Make chargers c000…, each paired with w000…."""
    numbers = [f"{number:03}" for number in range(pairs)]
    await _add_pairs(by_hand, [f"c{n}" for n in numbers], [f"w{n}" for n in numbers])


async def _add_pairs(by_hand: By, chargers: list[str], widgets: list[str]) -> None:
    await by_hand.execute("INSERT INTO chargers (id) SELECT unnest(%s::text[])", [chargers])
    await by_hand.execute("INSERT INTO widgets (id) SELECT unnest(%s::text[])", [widgets])
    await by_hand.execute(
        "INSERT INTO pairings (charger_id, widget_id) SELECT * FROM unnest(%s::text[], %s::text[])",
        [chargers, widgets],
    )


async def _remove(by_hand: By, ids: list[str]) -> None:
    """Remove chargers and widgets with these ids, and so their pairings."""
    await by_hand.execute("DELETE FROM chargers WHERE id = ANY(%s)", [ids])
    await by_hand.execute("DELETE FROM widgets WHERE id = ANY(%s)", [ids])


# --- what they show


@LISTS
async def test_a_list_of_nothing_is_empty(registry: RunningRegistry, path: str) -> None:
    assert await _page(registry, path) == {"items": [], "next": None}


async def test_a_list_shows_what_looking_at_each_shows_and_its_partner(
    registry: RunningRegistry,
) -> None:
    await registered(registry, "/chargers/c1", label="left", location="stage")
    await registered(registry, "/chargers/c2")
    await registered(registry, "/widgets/w1")
    await registered(registry, "/widgets/w2", label="7")
    await paired(registry, "c1", "w1")
    for path, partner, whom in (("/chargers", "widget", "w1"), ("/widgets", "charger", "c1")):
        first, second = await _items(registry, path)
        for item, expected in ((first, whom), (second, None)):
            one = (await registry.send("GET", f"{path}/{item['id']}")).json()
            assert item == {**one, partner: expected}
    (pairing,) = await _items(registry, "/pairings")
    assert pairing == (await registry.send("GET", "/pairings/c1")).json()
    assert pairing["projected"] is True


@DEVICES
async def test_devices_stand_in_the_order_of_their_ids_byte_by_byte(
    registry: RunningRegistry, path: str
) -> None:
    ids = ["a", "B", "b", "-", "_", "10", "9", "A", "a.", "a-", "aa"]
    for each in ids:
        await registered(registry, f"{path}/{each}")
    assert await _ids(registry, path) == sorted(ids)
    seen = [item["id"] async for page in _pages(registry, path, limit=1) for item in page]
    assert seen == sorted(ids)


# --- filters


_SEARCHES = {
    "x1": ["x1"],
    "X1": ["x1"],
    "LEFT": ["x1", "x2"],
    "left of": ["x1"],
    "main STAGE": ["x2", "x3"],
    "main.stage": [],
    "100 %": ["x3"],
    "%": ["x3"],
    "x%": [],
    "_": ["x4_"],
    "4_": ["x4_"],
    "x_": [],
    "\\": ["x4_"],
    "(x|y)*": ["x2"],
    "[": [],
    "***:": [],
    "^x": [],
    "straße": ["x4_"],
    "STRASSE": ["x4_"],
    "stras": ["x4_"],
    "grun": ["x4_"],
    "gru\u0308n": ["x4_"],
    "ĝrūn": ["x4_"],
    " grün ": ["x4_"],
    "GRÜN": ["x4_"],
    "grün": ["x4_"],
    "нАлево": ["x4_"],
    "'": ["x2"],
    "\U0001f50c": ["x3"],
    "": ["x1", "x2", "x3", "x4_"],
}


@DEVICES
async def test_a_search_looks_into_id_label_and_location_for_a_text_in_any_spelling(
    registry: RunningRegistry, path: str
) -> None:
    await registered(registry, f"{path}/x1", label="Left of the entrance")
    await registered(registry, f"{path}/x2", label="le'left (X|y)*", location="Main Stage")
    await registered(registry, f"{path}/x3", label="at 100 % \U0001f50c", location="main stage")
    await registered(registry, f"{path}/x4_", label="Grün\\НАЛЕВО", location="Straße 1")
    assert {q: await _ids(registry, path, q=q) for q in _SEARCHES} == _SEARCHES


@DEVICES
async def test_a_location_is_compared_as_a_whole(registry: RunningRegistry, path: str) -> None:
    await registered(registry, f"{path}/x1", location="Stage")
    await registered(registry, f"{path}/x2", location="stage")
    await registered(registry, f"{path}/x3", location="Stage 2")
    await registered(registry, f"{path}/x4")
    assert await _ids(registry, path, location="Stage") == ["x1", "x2"]
    assert await _ids(registry, path, location="stäge") == ["x1", "x2"]
    assert await _ids(registry, path, location="%") == []
    assert await _ids(registry, path, location="") == ["x4"]


async def test_what_was_written_by_hand_in_another_spelling_is_found_too(
    registry: RunningRegistry, by_hand: By
) -> None:
    await by_hand.execute(
        "INSERT INTO chargers (id, label, location) VALUES ('c1', %s, %s)",
        ("Gru\u0308n", " Bu\u0308hne "),
    )
    assert await _ids(registry, "/chargers", q="grün") == ["c1"]
    assert await _ids(registry, "/chargers", location="Bühne") == ["c1"]


async def test_an_endless_search_is_answered(registry: RunningRegistry) -> None:
    await registered(registry, "/chargers/c1", label="e" * 200)
    assert await _ids(registry, "/chargers", q="é" * 200) == ["c1"]


@DEVICES
async def test_the_paired_and_the_free_are_told_apart(
    registry: RunningRegistry, by_hand: By, path: str
) -> None:
    await _fill(by_hand, 2)
    await registered(registry, f"{path}/z1")
    own = [f"{path[1]}000", f"{path[1]}001"]
    assert await _ids(registry, path, paired="true") == own
    assert await _ids(registry, path, paired="false") == ["z1"]
    assert await _ids(registry, path) == [*own, "z1"]


async def test_filters_are_all_to_be_met(registry: RunningRegistry) -> None:
    await registered(registry, "/widgets/w1")
    for number, (label, location) in enumerate(
        [("left", "stage"), ("left", "bar"), ("right", "stage"), ("left", "stage")]
    ):
        await registered(registry, f"/chargers/c{number}", label=label, location=location)
    await paired(registry, "c0", "w1")
    query = {"q": "left", "location": "stage"}
    assert await _ids(registry, "/chargers", **query) == ["c0", "c3"]
    assert await _ids(registry, "/chargers", **query, paired="true") == ["c0"]
    assert await _ids(registry, "/chargers", **query, paired="false") == ["c3"]


async def test_pairings_are_found_by_either_side_and_by_where_the_charger_is(
    registry: RunningRegistry,
) -> None:
    for number, location in enumerate(["stage", "bar", "bar"]):
        await registered(registry, f"/chargers/c{number}", location=location)
        await registered(registry, f"/widgets/w{number}", location="stage")
        await paired(registry, f"c{number}", f"w{number}")
    assert await _ids(registry, "/pairings", charger="c1") == ["c1"]
    assert await _ids(registry, "/pairings", widget="w2") == ["c2"]
    assert await _ids(registry, "/pairings", location="bar") == ["c1", "c2"]
    assert await _ids(registry, "/pairings", location="bar", widget="w2") == ["c2"]
    assert await _ids(registry, "/pairings", charger="c1", widget="w2") == []
    # Ids, not texts to search for; and what can be no id is nobody's.
    for other in ("C1", "c", "c%", "c_", "no id", "é", ""):
        assert await _ids(registry, "/pairings", charger=other) == []
        assert await _ids(registry, "/pairings", widget=other) == []


# --- pages


@LISTS
async def test_pages_together_are_the_list_without_gaps_or_repeats(
    registry: RunningRegistry, by_hand: By, path: str
) -> None:
    await _fill(by_hand, 25)
    whole = await _ids(registry, path)
    for limit in (1, 7, 12, 24, 25, 26):
        pages = [page async for page in _pages(registry, path, limit=limit)]
        assert [_id_of(item) for page in pages for item in page] == whole
        # Only the last one may be shorter, and none is empty.
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert 0 < len(pages[-1]) <= limit


async def test_filters_hold_on_every_page(registry: RunningRegistry, by_hand: By) -> None:
    await _fill(by_hand, 12)
    await by_hand.execute("UPDATE chargers SET location = 'bar' WHERE id ~ '[02468]$'")
    query = {"location": "bar", "limit": 2}
    pages = [
        [_id_of(item) for item in page] async for page in _pages(registry, "/pairings", **query)
    ]
    assert pages == [["c000", "c002"], ["c004", "c006"], ["c008", "c010"]]


@LISTS
async def test_what_comes_and_goes_between_pages_shifts_nothing(
    registry: RunningRegistry, by_hand: By, path: str
) -> None:
    await _fill(by_hand, 30)
    stay = {_id_of(item) for item in await _items(registry, path)}
    letter = min(stay)[0]
    seen: list[str] = []
    async for page in _pages(registry, path, limit=5):
        ids = [_id_of(item) for item in page]
        seen += ids
        # Who was shown goes, also the one where the next page begins; somebody comes before it.
        await _remove(by_hand, [ids[0], ids[-1]])
        new = [f"{letter}-{len(seen):03}"]
        await _add_pairs(by_hand, new, new)
    assert seen == sorted(set(seen))
    assert set(seen) == stay


# --- what makes no sense


def _cursor(position: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


_NO_CURSORS = [
    *("", "c001", "!!!", "ä", "["),
    *(_cursor([]), _cursor([1]), _cursor([None]), _cursor(["a", "b"])),
    *(_cursor({"id": "a"}), _cursor("a"), _cursor(["a\0"]), _cursor(["\ud800"])),
    _cursor(["a" * 2000]),
]


@LISTS
async def test_a_cursor_that_no_list_gave_out_is_refused(
    registry: RunningRegistry, path: str
) -> None:
    for cursor in _NO_CURSORS:
        answer = await registry.send("GET", f"{path}?{urlencode({'cursor': cursor})}")
        assert_problem(answer, 422, "cursor")


@LISTS
async def test_a_limit_that_can_not_be_is_refused(registry: RunningRegistry, path: str) -> None:
    for limit in ("0", "-1", "1001", "1.5", "all", "", "9" * 30):
        assert_problem(await registry.send("GET", f"{path}?limit={limit}"), 422, "limit")


@LISTS
async def test_a_page_has_a_hundred_items_unless_said_and_a_thousand_at_most(
    registry: RunningRegistry, by_hand: By, path: str
) -> None:
    await _fill(by_hand, 1000)
    assert len((await _page(registry, path))["items"]) == 100
    assert len(await _items(registry, path, limit=1000)) == 1000
    await _add_pairs(by_hand, ["z"], ["z"])
    page = await _page(registry, path, limit=1000)
    assert len(page["items"]) == 1000
    (last,) = await _items(registry, path, limit=1000, cursor=page["next"])
    assert _id_of(last) == "z"


async def test_a_filter_that_can_not_be_is_refused_by_its_name(registry: RunningRegistry) -> None:
    for path, name, value in (
        ("/chargers", "paired", "perhaps"),
        ("/widgets", "paired", ""),
        ("/chargers", "q", "x" * 201),
        ("/widgets", "q", "a\0b"),
        ("/chargers", "location", "a\nb"),
        ("/pairings", "location", "x" * 201),
        ("/pairings", "charger", "a\0"),
        ("/pairings", "widget", "x" * 201),
    ):
        answer = await registry.send("GET", f"{path}?{urlencode({name: value})}")
        problem = assert_problem(answer, 422, name)
        assert [error["where"] for error in problem["errors"]] == [f"query.{name}"]


@DEVICES
async def test_a_filter_of_bytes_that_are_no_text_finds_nothing(
    registry: RunningRegistry, path: str
) -> None:
    await registered(registry, f"{path}/x1", label="left")
    answer = await registry.send("GET", f"{path}?q=%FF%FE")
    assert answer.json() == {"items": [], "next": None}


@LISTS
async def test_paging_while_others_write_repeats_nothing_and_misses_none_that_stayed(
    registry: RunningRegistry, by_hand: By, path: str
) -> None:
    await _fill(by_hand, 60)
    stay = {_id_of(item) for item in await _items(registry, path)}
    passing = [f"{letter}{number:03}.x" for letter in "cw" for number in range(0, 60, 9)]
    seen: list[str] = []
    read_all = asyncio.Event()

    async def write() -> int:
        rounds = 0
        while not read_all.is_set():
            await _add_pairs(by_hand, passing, passing)
            await _remove(by_hand, passing)
            rounds += 1
        return rounds

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write(), name="writing")
        async for page in _pages(registry, path, limit=3):
            seen += [_id_of(item) for item in page]
        read_all.set()
    assert writing.result() > 0
    assert seen == sorted(set(seen))
    assert stay <= set(seen) <= {*stay, *passing}
