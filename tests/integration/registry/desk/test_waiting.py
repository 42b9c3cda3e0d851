"""Lists of rentals for those who look for a phone, or for a widget that did not come back."""

import pytest

from tests.integration.registry.conftest import By
from tests.integration.registry.test_rentals import Desk


async def _full_since(by_hand: By, minutes: dict[str, int]) -> None:
    for charger, ago in minutes.items():
        await by_hand.execute(
            "UPDATE rentals SET reached_100_at = clock_timestamp() - make_interval(mins => %s)"
            " WHERE charger_id = %s AND collected_at IS NULL",
            (ago, charger),
        )


async def test_the_phone_that_is_full_for_longest_comes_first(desk: Desk, by_hand: By) -> None:
    for number in (1, 2, 3):
        await desk.open(f"c{number}", f"w{number}")
    await _full_since(by_hand, {"c1": 5, "c3": 50})
    assert await desk.listed("order=waiting") == ["c3", "c1", "c2"]
    assert await desk.listed("order=waiting&charged_for_minutes=0") == ["c3", "c1"]
    assert await desk.listed("order=newest") == await desk.listed() == ["c3", "c2", "c1"]


async def test_the_widget_that_is_missing_for_longest_comes_first(desk: Desk, by_hand: By) -> None:
    for number in (1, 2, 3):
        rental = await desk.open(f"c{number}", f"w{number}")
        await desk.collect(rental, widget_returned=number == 2)
    await by_hand.execute(
        "UPDATE rentals SET collected_at = collected_at - interval '1 hour' WHERE charger_id = 'c3'"
    )
    assert await desk.listed("order=waiting&widget_missing=true") == ["c3", "c1"]
    assert await desk.listed("order=waiting") == ["c3", "c1", "c2"], "c2 waits for nothing"


@pytest.mark.parametrize("order", ["waiting", "newest"])
async def test_pages_miss_none_and_repeat_none(desk: Desk, by_hand: By, order: str) -> None:
    for number in (1, 2, 3):
        await desk.open(f"c{number}", f"w{number}")
    await by_hand.execute("UPDATE rentals SET reached_100_at = now() WHERE charger_id <> 'c1'")
    found: list[str] = []
    cursor = ""
    while len(found) < 9:
        page = await desk.said("GET", f"/rentals?limit=1&order={order}{cursor}")
        found += [rental["charger"] for rental in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    # Two that are full since the same moment come in the order of their hand-over.
    assert found == (["c2", "c3", "c1"] if order == "waiting" else ["c3", "c2", "c1"])


async def test_a_cursor_of_the_other_order_is_refused(desk: Desk) -> None:
    for number in (1, 2):
        await desk.open(f"c{number}", f"w{number}")
    page = await desk.said("GET", "/rentals?limit=1")
    refused = await desk.send("GET", f"/rentals?order=waiting&cursor={page['next']}")
    assert refused.status_code == 422


async def test_a_rental_says_where_its_phone_is(desk: Desk) -> None:
    await desk.said("POST", "/booths", {"name": "Main stage"}, 201)
    words = {"label": "left", "location": "second shelf", "booth": "main-stage"}
    await desk.said("PATCH", "/chargers/c1", words)
    rental = await desk.open("c1", "w1")
    assert {name: rental[name] for name in words} == words
    await desk.send("DELETE", "/chargers/c1")
    found = await desk.said("GET", f"/rentals/{rental['id']}")
    assert (found["label"], found["location"], found["booth"]) == (None, None, "main-stage")
