"""What a scanned code, or what a person typed, means."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, StartRegistry
from tests.integration.registry.test_access import send
from tests.integration.registry.test_booth_keys import fill, key_for
from tests.integration.registry.test_rentals import Desk


async def found(desk: Desk, q: str, **more: str) -> list[dict[str, Any]]:
    answer = await desk.said("GET", f"/find?{urlencode({'q': q, **more})}")
    items: list[dict[str, Any]] = answer["items"]
    return items


def named(items: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """Return kind, charger's or widget's id or ticket, and whether it is exact."""
    return [
        (
            each["what"],
            each["rental"]["ticket"] if each["what"] == "rental" else each[each["what"]]["id"],
            each["exact"],
        )
        for each in items
    ]


async def test_a_device_is_found_by_its_id_as_its_list_shows_it(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="0815")
    (charger,) = await found(desk, "c1")
    assert (charger["what"], charger["exact"], charger["widget"]) == ("charger", True, None)
    (listed,) = (await desk.said("GET", "/chargers?q=c1"))["items"]
    assert (charger["charger"], charger["rental"]) == (listed, rental)
    (widget,) = await found(desk, "w1")
    assert (widget["widget"]["charger"], widget["rental"]) == ("c1", rental)
    (free,) = await found(desk, "c2")
    assert free["rental"] is None


async def test_capitals_matter_only_where_two_differ_in_nothing_else(desk: Desk) -> None:
    assert named(await found(desk, "C1")) == [("charger", "c1", True)]
    await desk.register("cC1")
    assert named(await found(desk, "CC1")) == [("charger", "cC1", True)]
    await desk.register("cc1")
    assert named(await found(desk, "cc1")) == [("charger", "cc1", True), ("charger", "cC1", False)]


async def test_parts_of_ids_labels_and_tickets_are_found_after_the_whole(desk: Desk) -> None:
    await desk.said("PATCH", "/chargers/c2", {"label": "Übergang 15"})
    await desk.open("c1", "w1", ticket="0815")
    await desk.open("c2", "w2", ticket="15")
    assert named(await found(desk, "15")) == [
        ("charger", "c2", False),
        ("rental", "15", True),
        ("rental", "0815", False),
    ]
    assert named(await found(desk, "ubergang")) == [("charger", "c2", False)]
    assert named(await found(desk, "ubergang 15")) == [("charger", "c2", True)]
    assert await found(desk, "nothing") == []


async def test_a_ticket_is_found_by_a_part_only_while_something_is_to_be_done(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="É815")
    await desk.collect(rental, widget_returned=False)
    assert named(await found(desk, "81")) == [("rental", "É815", False)], "its widget is missing"
    (widget,) = await found(desk, "w1")
    assert widget["rental"]["id"] == rental["id"]
    await desk.said("PUT", f"/rentals/{rental['id']}/widget-return", {})
    assert await found(desk, "81") == []
    assert named(await found(desk, "e815")) == [("rental", "É815", True)]
    (widget,) = await found(desk, "w1")
    assert widget["rental"] is None


async def test_a_rental_is_found_by_its_ids(desk: Desk) -> None:
    rental = await desk.open("c1", "w1", ticket="7")
    for text in (rental["id"], rental["short_id"], rental["short_id"].lower()):
        assert named(await found(desk, text)) == [("rental", "7", True)]


@pytest.mark.parametrize(
    "link",
    [
        "https://hub.example/console/#/widget/w1",
        "http://10.0.0.7:3300/widgets/w1",
        "https://maker.example/c1/?serial=w1&m=c",
    ],
)
async def test_a_link_means_what_its_last_word_names(desk: Desk, link: str) -> None:
    assert named(await found(desk, link)) == [("widget", "w1", True)]
    assert await found(desk, "https://maker.example/w") == [], "a link is no part of anything"


async def test_a_link_that_names_a_kind_finds_no_other(desk: Desk) -> None:
    await desk.said("PUT", "/widgets/c1", {}, 201)
    assert named(await found(desk, "http://x/chargers/c1")) == [("charger", "c1", True)]
    assert named(await found(desk, "http://x/c1")) == [
        ("charger", "c1", True),
        ("widget", "c1", True),
    ]


async def test_much_is_not_shown_but_said(desk: Desk) -> None:
    await desk.register(*(f"c{number}" for number in range(100, 125)))
    answer = await desk.said("GET", "/find?q=c1")
    assert [each["exact"] for each in answer["items"]] == [True] + [False] * 19
    assert answer["more"] is True
    assert (await desk.said("GET", "/find?q=c12"))["more"] is False


async def test_a_canary_is_nothing_to_a_visitor(desk: Desk) -> None:
    await desk.said("PUT", "/chargers/canary", {"canary": True}, 201)
    assert await found(desk, "canary") == []


async def test_a_key_of_a_booth_finds_nothing_elsewhere(
    start_registry: StartRegistry, by_hand: By
) -> None:
    await know_admin(by_hand)
    guarded = await start_registry(operator_auth="required")
    await fill(guarded)
    key = await key_for(guarded, "anton", "attendant", "own")
    for text in ("far", "far-charger", "far-widget", "far-ticket", "http://x/chargers/far-charger"):
        everywhere = await send(guarded, ADMIN_KEY, "GET", f"/find?q={text}")
        assert everywhere.json()["items"] != []
        own = await send(guarded, key, "GET", f"/find?q={text}")
        assert (own.status_code, own.json()["items"]) == (200, [])
    own = await send(guarded, key, "GET", "/find?q=own-charger")
    assert named(own.json()["items"]) == [("charger", "own-charger", True)]
    elsewhere = await send(guarded, key, "GET", "/find?q=x&booth=far")
    assert_problem(elsewhere, 403, "limited to the booth own")
    assert (await send(guarded, ADMIN_KEY, "GET", "/find?q=c&booth=far")).status_code == 200
