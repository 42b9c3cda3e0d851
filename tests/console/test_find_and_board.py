"""Finding a device, and the ready board."""

import json
from typing import Final

import pytest
from playwright.async_api import Browser, Route, ViewportSize, expect

from tests.console.backstage import hand_over, make_pair, signed_in
from tests.console.booth import Booth
from tests.console.chromium import DESK, PHONE, SOON_MS, Visit, visit
from tests.console.test_for_all import judge

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

READY: Final = {"0817", "0820", "0822"}
"""Tickets of the near booth that are ready from the beginning."""
ONE: Final = {
    "what": "charger",
    "exact": False,
    "charger": {"id": "c1", "label": ""},
    "widget": None,
    "rental": None,
}


async def look_for(visited: Visit, text: str) -> None:
    field = visited.page.get_by_role("searchbox")
    await field.fill(text)
    await field.press("Enter")


async def test_a_label_a_ticket_or_an_id_leads_to_the_device(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, f"{booth.url}#/find", may_fail=True) as visited:
        page = visited.page
        await look_for(visited, "0819")
        await page.get_by_role("link", name="Ticket 0819").click()
        await visited.said("Left 5", "h1")
        await page.go_back()
        await page.get_by_role("link", name="Ticket 0819").wait_for()
        await look_for(visited, "right 10")
        await page.get_by_role("link", name="charger c-right-10").click()
        await visited.said("Right 10", "h1")
        await page.go_back()
        # As a label's code says it.
        await look_for(visited, "https://hub.example/console/#/widget/w-left-2")
        await page.get_by_role("link", name="widget w-left-2").click()
        await visited.said("widget w-left-2", ".what")


async def test_it_says_that_there_is_nothing_or_more_or_no_hub(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, f"{booth.url}#/find", may_fail=True) as visited:
        await expect(visited.page.get_by_role("searchbox")).to_be_focused()
        await look_for(visited, "zebra")
        await visited.said("Nothing found for “zebra”", "[role=status]")
        await visited.page.context.set_offline(True)
        await look_for(visited, "zebra")
        await visited.said("does not answer", "[role=status]")
        await visited.page.context.set_offline(False)

        async def much(route: Route) -> None:
            answer = json.dumps({"items": [ONE], "more": True})
            await route.fulfill(body=answer, content_type="application/json")

        await visited.page.route("**/find?*", much)
        await look_for(visited, "left")
        await visited.said("There are more", "[role=status]")
        await visited.page.unroute_all(behavior="ignoreErrors")
    async with signed_in(browser, booth, "viewer", "/find") as visited:
        await visited.page.get_by_role("searchbox").wait_for()
        await visited.page.context.clear_cookies()
        await look_for(visited, "zebra")
        await visited.said("Your session has ended", "[role=alert]")


async def tickets(visited: Visit) -> set[str]:
    return {*await visited.page.locator(".board li").all_inner_texts()}


async def test_the_board_shows_what_is_ready_and_follows(browser: Browser, booth: Booth) -> None:
    await booth.says("c-left-4", 12.5)  # other tests have it ready
    charger, _ = await make_pair(booth, "Ramp 1")
    await hand_over(booth, charger, "1601")
    async with visit(browser, f"{booth.url}#/board?booth=main-stage", viewport=DESK) as visited:
        await visited.page.locator(".board li", has_text="0817").wait_for()
        assert await tickets(visited) == READY
        assert await visited.page.locator("header, .bar").count() == 0, "all of it is the board's"
        await visited.page.goto(f"{booth.url}#/board?booth=backstage")
        await visited.page.locator(".board .none").wait_for()
        await booth.says(charger, 100)
        await visited.page.locator(".board li", has_text="1601").wait_for(timeout=SOON_MS)
        await booth.send("PUT", f"{booth.rentals[charger]}/collection")
        await visited.said("No phone is ready", ".board .none")
        await visited.page.get_by_role("link", name="Wall").click()
        await visited.tile(charger, "dark")


async def test_its_numbers_can_be_read_from_afar(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/board?booth=main-stage", viewport=DESK) as visited:
        number = visited.page.locator(".board li").first
        await number.wait_for()
        box = await number.bounding_box()
        assert box is not None
        assert box["height"] >= DESK["height"] / 8


async def test_a_board_that_is_not_current_says_so(browser: Browser, booth: Booth) -> None:
    async with visit(
        browser, f"{booth.url}#/board?booth=main-stage", may_fail=True, viewport=DESK
    ) as visited:
        number = visited.page.locator(".board li").first
        await number.wait_for()
        weight = "each => getComputedStyle(each).fontWeight"
        assert await number.evaluate(weight) == "700"
        await visited.page.context.set_offline(True)
        await visited.said("Not current")
        assert await number.evaluate(weight) == "400"
        await visited.page.context.set_offline(False)
        await visited.page.locator(".contact:empty").wait_for(state="attached")
        assert await number.evaluate(weight) == "700"


async def test_a_board_whose_session_ends_says_so(browser: Browser, booth: Booth) -> None:
    async with signed_in(browser, booth, "viewer", "/board?booth=main-stage") as visited:
        await visited.page.locator(".board li").first.wait_for()
        await visited.page.context.clear_cookies()
        await visited.said("Your session has ended", "[role=alert]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["390", "1280"])
async def test_everyone_can_use_both(
    browser: Browser, booth: Booth, scheme: str, viewport: ViewportSize
) -> None:
    of = f"{viewport['width']}-{scheme}"
    async with visit(
        browser, f"{booth.url}#/find", viewport=viewport, color_scheme=scheme, may_fail=True
    ) as visited:
        page = visited.page
        await page.get_by_role("searchbox").wait_for()
        await judge(visited, f"find-empty-{of}")
        await look_for(visited, "left")
        await page.locator(".thing").first.wait_for()
        await judge(visited, f"find-{of}")
        await page.goto(f"{booth.url}#/board?booth=main-stage")
        await page.locator(".board li").first.wait_for()
        await judge(visited, f"board-{of}")
        await page.context.set_offline(True)
        await visited.said("Not current")
        await judge(visited, f"board-not-current-{of}")
        await page.context.set_offline(False)

        async def crowd(route: Route) -> None:
            ready = [{"ticket": f"{each:04}", "since": ""} for each in range(90)]
            body = json.dumps({"ready": ready, "more": True})
            await route.fulfill(body=body, content_type="application/json")

        await page.route("**/board?*", crowd)
        await page.locator(".pages").wait_for()
        await judge(visited, f"board-crowd-{of}")
        await page.unroute_all(behavior="ignoreErrors")
