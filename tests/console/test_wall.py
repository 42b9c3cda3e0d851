"""The wall: every charger of a booth, live."""

import json
import re
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Route

from tests.console.booth import PHONES, Booth, charger_of
from tests.console.chromium import DESK, SOON_MS, Visit, visit

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(120)]

KIND_OF: Final = {
    "c-left-1": ("charging", "38%", "Charging"),
    "c-left-2": ("soon", "84%", "Soon"),
    "c-left-3": ("ready", "100%", "Ready"),
    "c-left-5": ("soon", "99%", "Soon"),  # 99.7 is not full
    "c-left-6": ("offline", "100%", "Offline", "Light: Ready"),
    "c-left-7": ("offline", "Offline"),
    "c-left-8": ("offline", "Offline", "Phone in it"),
}
IN_ORDER: Final = [*[*PHONES][:6], "Left 7", "Left 8", *[*PHONES][6:]]


async def labels(visited: Visit) -> list[str]:
    return await visited.page.locator(".tile .label").all_inner_texts()


async def counts(visited: Visit, number: int) -> None:
    """Return once the wall shows so many chargers."""
    await visited.page.locator(f'.tile[aria-setsize="{number}"]').first.wait_for()


async def choose(visited: Visit, name: str) -> None:
    await visited.page.get_by_role("button", name=name).click()


async def test_an_open_hub_shows_its_wall_at_once(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        await visited.said("live")
        for charger, said in KIND_OF.items():
            await visited.tile(charger, *said)
        assert await labels(visited) == IN_ORDER, "as people count"
        # The ticket of a visitor, and for how long a phone is ready.
        assert "0815" in await visited.tile("c-left-1", "charging")
        ready = await visited.tile("c-left-3", "ready")
        assert re.search(r"for \d+ min", ready), ready
        shapes = [
            await visited.page.locator(f".tile.{kind} .word use").first.get_attribute("href")
            for kind in ("charging", "soon", "ready", "offline")
        ]
        assert shapes == ["#shape-charging", "#shape-soon", "#shape-ready", "#shape-offline"]


async def test_a_change_of_a_light_is_shown(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        charger = charger_of("Left 4")
        for level, kind, word in (
            (12.5, "charging", "Charging"),
            (80, "soon", "Soon"),
            (100, "ready", "Ready"),
            (12.5, "charging", "Charging"),
        ):
            await booth.says(charger, level)
            await visited.tile(charger, kind, word)


async def test_filters_show_what_is_ready_and_what_needs_a_look(
    browser: Browser, booth: Booth
) -> None:
    await booth.says(charger_of("Left 4"), 12.5)
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        await visited.tile("c-left-3", "ready")
        await visited.tile("c-left-4", "charging")
        await choose(visited, "Ready")
        await visited.page.locator(".filter.ready[aria-pressed=true]").wait_for()
        # They became ready in this order, one of them is offline since.
        await counts(visited, 3)
        assert await labels(visited) == ["Left 3", "Left 6", "Right 2"]
        await choose(visited, "Problems")
        await counts(visited, 2)
        assert await labels(visited) == ["Left 6", "Left 8"]
        await choose(visited, "All")
        await visited.tile("c-left-1", "charging")


async def test_one_booth_is_chosen_or_all_and_remembered(browser: Browser, booth: Booth) -> None:
    async with visit(browser, booth.url, viewport=DESK) as visited:
        page = visited.page
        await visited.tile("c-tent-1", "charging")
        await visited.tile("c-left-1", "charging")
        await page.get_by_role("combobox", name="Booth").select_option("Camping")
        await counts(visited, 1)
        await visited.tile("c-tent-1", "charging", "55%")
        await page.get_by_role("combobox", name="Booth").select_option("Booths")
        near = page.get_by_role("link", name="Main stage")
        await near.filter(has_text="8 of 11 online").wait_for()
        await page.go_back()
        await visited.tile("c-tent-1", "charging")
        assert await page.locator("header select").input_value() == "camping"
        await page.goto(booth.url)
        await visited.tile("c-tent-1", "charging")
        assert page.url.endswith("#/wall?booth=camping")


def many(count: int) -> str:
    """A snapshot of so many chargers."""
    one: dict[str, Any] = {
        "booth": None,
        "location": "",
        "widget": "w1",
        "rental": None,
        "level": 38,
        "light": "charging",
        "light_since": None,
        "ready": None,
        "online": True,
        "problem": None,
        "pairing_number": 1,
        "revision": [1, 1],
    }
    tiles = [{**one, "charger": f"c{each}", "label": f"Phone {each}"} for each in range(count)]
    hub = {"redis_away_since": None, "postgres_away_since": None}
    return json.dumps({"position": "0123456789abcdef-1", "hub": hub, "tiles": tiles})


async def nodes_of(browser: Browser, booth: Booth, count: int) -> int:
    """Return how many nodes the page of so many chargers has, after a look at its end."""
    async with visit(browser, f"{booth.url}#/booths") as visited:

        async def snapshot(route: Route) -> None:
            await route.fulfill(body=many(count), content_type="application/json")

        async def stream(route: Route) -> None:
            await route.fulfill(body=": ping\n\n", content_type="text/event-stream")

        await visited.page.route("**/live/snapshot*", snapshot)
        await visited.page.route("**/live?*", stream)
        await visited.page.goto(f"{booth.url}#/wall")
        await visited.page.locator(".tile").first.wait_for()
        await visited.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        last = visited.page.locator(f'.tile[aria-posinset="{count}"]')
        await last.filter(has_text=f"Phone {count - 1}").wait_for(timeout=SOON_MS)
        found: int = await visited.page.evaluate("document.querySelectorAll('*').length")
        return found


async def test_a_page_of_10_000_chargers_is_hardly_larger_than_one_of_200(
    browser: Browser, booth: Booth
) -> None:
    assert await nodes_of(browser, booth, 10_000) <= 1.5 * await nodes_of(browser, booth, 200)
