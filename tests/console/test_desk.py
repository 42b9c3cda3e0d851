"""The desk: phones are handed over and collected, once each, whatever becomes of the network."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Route, ViewportSize

from tests.console.booth import Booth
from tests.console.chromium import DESK, PHONE, SOON_MS, visit
from tests.console.desk import DONE, Pair, button, part, scan, scan_both
from tests.console.test_for_all import judge
from tests.console.test_sign_in import sign_in
from tests.fixtures.fault_proxy import Direction, Mode
from tests.fixtures.replication import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

HAND_OVER: Final = "#/hand-over"
COLLECT: Final = "#/collect"
SHOWN: Final = 50
"""Rentals at once in a list."""


@asynccontextmanager
async def answers_lost(booth: Booth) -> AsyncIterator[None]:
    """Have the hub hear all, and nothing come back."""
    async with _lost(booth, booth.wifi.to_client):
        yield


@asynccontextmanager
async def requests_lost(booth: Booth) -> AsyncIterator[None]:
    """Have the hub hear nothing."""
    async with _lost(booth, booth.wifi.to_server):
        yield


@asynccontextmanager
async def _lost(booth: Booth, way: Direction) -> AsyncIterator[None]:
    way.mode = Mode.DROP
    try:
        yield
    finally:
        booth.wifi.heal()
        # Or the browser might go on with a connection on which an answer is missing.
        booth.wifi.cut()


async def opened(pair: Pair) -> None:
    """Return once the hub has a rental."""

    async def is_there() -> bool:
        return bool(await pair.rentals())

    await until(is_there, SOON_MS / 1000)


async def collected(pair: Pair) -> None:
    async def is_over() -> bool:
        return (await pair.rentals())[0]["collected_at"] is not None

    await until(is_over, SOON_MS / 1000)


async def only_rental(pair: Pair) -> dict[str, Any]:
    (rental,) = await pair.rentals()
    return rental


async def test_a_hand_scanner_and_one_tap_hand_over_and_collect(
    browser: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, "scanned").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        page = visited.page
        await page.locator("#ticket").fill("4711")
        await page.locator("body").click(position={"x": 5, "y": 5})
        await scan_both(visited, pair)
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        await visited.said("Ticket 4711", DONE)
        rental = await only_rental(pair)
        assert (rental["widget"], rental["ticket"]) == (pair.widget, "4711")
        await page.get_by_role("link", name="Collect").click()
        await scan(visited, "4711")
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
    rental = await only_rental(pair)
    assert rental["collected_at"] is not None
    assert rental["widget_returned_at"] is not None


async def test_all_of_it_works_by_keyboard(browser: Browser, booth: Booth) -> None:
    pair = await Pair(booth, "keys").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        page = visited.page
        await page.locator("#scan:focus").wait_for()
        await scan_both(visited, pair)
        await page.locator("#ticket").focus()
        await page.keyboard.type("0042")
        # A hand scanner ends with Enter, too: it hands over nothing.
        await page.keyboard.press("Enter")
        await page.locator("#do:focus").wait_for()
        assert await pair.rentals() == []
        await page.keyboard.press("Enter")
        await visited.said("Handed over", DONE)
        await page.locator("#scan:focus").wait_for()
        await page.goto(f"{booth.url}{COLLECT}")
        await page.locator("#scan:focus").wait_for()
        await scan(visited, pair.widget)
        await visited.said("0042", ".card")
        await button(visited, "Give back").focus()
        await page.keyboard.press("Enter")
        await visited.said("Given back", DONE)


async def test_links_of_labels_are_understood_and_open_the_page_with_what_they_name(
    browser: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, "linked").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}/{pair.charger}") as visited:
        page = visited.page
        await part(visited, "Desk linked").wait_for()
        assert page.url.endswith(HAND_OVER), "or it would be scanned again"
        # The phone's own camera opens the second link in another tab.
        other = await page.context.new_page()
        await other.goto(f"{booth.url}{HAND_OVER}/{pair.widget}")
        await other.locator(".draft .is-there", has_text=pair.widget).wait_for()
        await other.close()
        await part(visited, pair.widget).wait_for()
        await scan(visited, f"https://hub.example/console/#/charger/{pair.charger}")
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        await page.goto(f"{booth.url}{COLLECT}/{pair.charger}")
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
    assert (await only_rental(pair))["collected_at"] is not None


async def test_a_part_of_a_name_offers_what_it_may_be(browser: Browser, booth: Booth) -> None:
    pair = await Pair(booth, "typed").register()
    await Pair(booth, "typed-too").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        page = visited.page
        await page.locator("#scan").press_sequentially("desk typ")
        await page.locator(".choice", has_text="Desk typed-too").wait_for()
        await page.locator(".choice", has_text="c-typed").first.click()
        await part(visited, "c-typed").wait_for()
        await page.locator("#scan").press_sequentially("w-typed")
        await page.locator(".choice", has_text="w-typed").first.click()
        await part(visited, "w-typed").wait_for()
        # What is no device may be the ticket.
        await scan(visited, "No. 99")
        await button(visited, "“No. 99” is the ticket").click()
        await button(visited, "Hand over").click()
        await visited.said("No. 99", DONE)
    await booth.send("PUT", f"/rentals/{(await only_rental(pair))['id']}/collection")


async def test_what_is_in_use_is_not_handed_over_and_leads_to_its_collection(
    browser: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, "taken").register()
    await pair.hand_over("7001")
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        await scan(visited, pair.charger)
        await visited.said("A phone is in Desk taken already", ".hindrance")
        await visited.page.locator(".hindrance a").click()
        await visited.said("7001", ".card")
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
        await scan(visited, pair.widget)
        await visited.said("There is no phone for w-taken", ".hindrance")
        await scan(visited, "7001")
        await visited.said("given back at", ".hindrance")


async def test_a_pair_that_is_in_the_way_is_ended_only_after_a_question(
    browser: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, "alone").register()
    fixed = await Pair(booth, "fixed").register()
    await booth.send("PUT", f"/pairings/{fixed.charger}", {"widget": fixed.widget})
    async with visit(browser, f"{booth.url}{HAND_OVER}", may_fail=True) as visited:
        await scan(visited, fixed.charger)
        # The widget of a fixed pair need not be scanned.
        await visited.said(fixed.widget, ".draft .is-there")
        await scan(visited, pair.widget)
        await part(visited, pair.widget).wait_for()
        await button(visited, "Hand over").click()
        await visited.said("in another pair", ".hindrance")
        assert await fixed.rentals() == []
        await button(visited, "End that pair, and hand over").click()
        await visited.said("Handed over", DONE)
        await visited.page.goto(f"{booth.url}{COLLECT}/{pair.widget}")
        await button(visited, "Give back, widget not returned").click()
        await visited.said("widget not returned", DONE)
        # It comes back later.
        await visited.page.goto(f"{booth.url}{COLLECT}/{pair.widget}")
        await button(visited, "The widget is back").click()
        await visited.said("The widget is back", DONE)
    rental = await only_rental(fixed)
    assert rental["collected_at"] < rental["widget_returned_at"]


@pytest.mark.parametrize("lose", [answers_lost, requests_lost])
async def test_a_hand_over_and_a_collection_whose_answers_are_lost_are_done_once(
    browser: Browser, booth: Booth, lose: Any
) -> None:
    pair = await Pair(booth, lose.__name__.replace("_", "-")).register()
    async with visit(browser, f"{booth.url}{HAND_OVER}", may_fail=True) as visited:
        await visited.page.locator("#scan").wait_for()
        async with lose(booth):
            await scan(visited, pair.charger)
            await visited.said("No contact with the hub", "[role=alert]")
        # Nothing was lost: once more is enough.
        await visited.page.locator("#scan").press("Enter")
        await part(visited, "Desk").wait_for()
        await scan(visited, pair.widget)
        await part(visited, pair.widget).wait_for()
        async with lose(booth):
            await button(visited, "Hand over").click()
            await visited.said("Trying again. It counts only once.", "[role=alert]")
            if lose is answers_lost:
                await opened(pair)
        await visited.said("Handed over", DONE)
        assert (await only_rental(pair))["widget"] == pair.widget
        await visited.page.get_by_role("link", name="Collect").click()
        await scan(visited, pair.widget)
        await button(visited, "Give back").wait_for()
        async with lose(booth):
            await button(visited, "Give back").click()
            await visited.said("Trying again. It counts only once.", "[role=alert]")
            if lose is answers_lost:
                await collected(pair)
        await visited.said("Given back", DONE)
    assert (await only_rental(pair))["collected_at"] is not None


async def test_a_page_that_is_opened_again_goes_on_with_what_it_sent(
    browser: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, "reloaded").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}", may_fail=True) as visited:
        page = visited.page
        await scan_both(visited, pair)
        await page.reload()
        await part(visited, pair.widget).wait_for()
        await page.locator("#ticket").fill("5005")
        async with answers_lost(booth):
            await button(visited, "Hand over").click()
            await opened(pair)
            await page.goto("about:blank")
        await page.goto(f"{booth.url}{HAND_OVER}")
        await visited.said("Handed over", DONE)
        assert (await only_rental(pair))["ticket"] == "5005"
        await page.goto(f"{booth.url}{COLLECT}/{pair.charger}")
        await button(visited, "Give back").wait_for()
        async with answers_lost(booth):
            await button(visited, "Give back").click()
            await collected(pair)
            await page.goto("about:blank")
        await page.goto(f"{booth.url}{COLLECT}")
        await visited.said("Given back", DONE)
        kept = await page.evaluate("JSON.stringify(localStorage)")
    assert "5005" not in kept
    assert len(await pair.rentals()) == 1


async def test_attendants_may_and_viewers_may_not(browser: Browser, booth: Booth) -> None:
    pair = await Pair(booth, "guarded").register()
    viewer = await booth.key_of("vera-at-the-desk", "viewer")
    attendant = await booth.key_of("anton-at-the-desk", "attendant")
    address = f"{booth.guarded_url}{HAND_OVER}"
    async with visit(browser, address) as visited:
        await sign_in(visited, viewer["key"])
        await visited.page.locator(".bar a", has_text="Waiting").wait_for()
        names = await visited.page.locator(".bar a").all_inner_texts()
        assert names == ["Wall", "Waiting", "Find"]
        assert await visited.page.locator("#scan").count() == 0
        await visited.page.locator(".bar a", has_text="Waiting").click()
        await visited.page.locator(".entry").first.wait_for()
        assert await visited.page.locator(".entry a").count() == 0
    async with visit(browser, address, may_fail=True) as visited:
        await sign_in(visited, attendant["key"])
        await scan_both(visited, pair)
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        await visited.page.get_by_role("link", name="Collect").click()
        await scan(visited, pair.charger)
        await button(visited, "Give back").wait_for()
        # What one person left unfinished, another one does not finish.
        await booth.send("DELETE", f"/keys/{attendant['id']}")
        await button(visited, "Give back").click()
        await visited.said("Your session has ended", "[role=alert]")
        another = await booth.key_of("berta-at-the-desk", "attendant")
        await sign_in(visited, another["key"])
        await scan(visited, pair.charger)
        await button(visited, "Give back").wait_for()
        assert (await only_rental(pair))["collected_at"] is None
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
    assert (await only_rental(pair))["collected_at"] is not None


async def test_lists_show_who_waits_longest_and_lead_to_the_collection(
    browser: Browser, booth: Booth
) -> None:
    await booth.send("POST", "/booths", {"name": "Night desk"})
    first = await Pair(booth, "first").register(booth="night-desk")
    second = await Pair(booth, "second").register(booth="night-desk")
    missing = await Pair(booth, "missing").register(booth="night-desk")
    for pair in (first, second, missing):
        await pair.hand_over(pair.name)
    kept = (await only_rental(missing))["id"]
    await booth.send("PUT", f"/rentals/{kept}/collection", {"widget_returned": False})
    async with visit(browser, f"{booth.url}#/waiting?booth=night-desk") as visited:
        page = visited.page
        rows = page.locator(".entry b")
        await visited.said("No phone is ready", ".empty")
        # It is found without asking: the list is looked at again and again.
        for pair, count in ((second, 1), (first, 2)):
            await booth.says(pair.charger, 100)
            await rows.nth(count - 1).wait_for()
        assert await rows.all_inner_texts() == ["Desk second", "Desk first"]
        await page.locator(".entry a").first.click()
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
        await page.get_by_role("link", name="Waiting").click()
        await rows.first.wait_for()
        await button(visited, "Missing widgets").click()
        await page.locator('.entry[data-charger="c-missing"]').wait_for()
        await page.get_by_role("link", name="It is back").click()
        await button(visited, "The widget is back").click()
        await visited.said("The widget is back", DONE)
        await page.goto(f"{booth.url}#/waiting?booth=night-desk")
        await button(visited, "Missing widgets").click()
        await visited.said("No widget is missing", ".empty")
    await booth.send("PUT", f"/rentals/{(await only_rental(first))['id']}/collection")
    for pair in (first, second):
        await booth.leaves(pair.charger)


def ready(number: int) -> dict[str, Any]:
    """A rental as lists have it."""
    return {
        "id": str(number),
        "charger": f"c{number}",
        "booth": None,
        "label": "",
        "location": "",
        "widget": "w1",
        "ticket": None,
        "short_id": str(number),
        "reached_100_at": "2026-11-30T20:00:00Z",
        "collected_at": None,
        "widget_returned_at": None,
    }


async def test_a_long_list_is_shown_piece_by_piece_and_says_when_it_is_old(
    browser: Browser, booth: Booth
) -> None:
    async def rentals(route: Route) -> None:
        query = dict(each.split("=") for each in route.request.url.split("?")[1].split("&"))
        begin, limit = int(query.get("cursor", 0)), int(query["limit"])
        end = min(begin + limit, SHOWN + 1)
        items = [ready(each) for each in range(begin, end)]
        body = {"items": items, "next": str(end) if end < SHOWN + 1 else None}
        await route.fulfill(body=json.dumps(body), content_type="application/json")

    async with visit(browser, f"{booth.url}#/booths", may_fail=True) as visited:
        page = visited.page
        await page.route("**/rentals?*", rentals)
        await page.goto(f"{booth.url}#/waiting")
        await page.locator(".entry").nth(SHOWN - 1).wait_for()
        assert await page.locator(".entry").count() == SHOWN
        await button(visited, "Show more").click()
        await page.locator(".entry").nth(SHOWN).wait_for()
        await button(visited, "Show more").wait_for(state="hidden")
        await page.context.set_offline(True)
        await page.unroute("**/rentals?*")
        await visited.said("No contact with the hub")
        await visited.said("As of")
        assert await page.locator(".entry").count() == SHOWN + 1
        await page.context.set_offline(False)
        await page.locator(".contact.is-lost").wait_for(state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["390", "1280"])
async def test_everyone_can_use_the_desk(
    browser: Browser, booth: Booth, scheme: str, viewport: ViewportSize
) -> None:
    of = f"{viewport['width']}-{scheme}"
    pair = await Pair(booth, of).register()
    await booth.says(pair.charger, 1)
    options: dict[str, Any] = {"viewport": viewport, "color_scheme": scheme}
    async with visit(browser, f"{booth.url}{HAND_OVER}", may_fail=True, **options) as visited:
        page = visited.page
        await page.locator("#scan").wait_for()
        await judge(visited, f"hand-over-{of}")
        await page.locator("#scan").fill("left")
        await page.locator(".choice").first.wait_for()
        await judge(visited, f"hand-over-choices-{of}")
        await page.locator("#scan").fill("")
        await page.locator(".choice").first.wait_for(state="hidden")
        await scan_both(visited, pair)
        await page.locator("#ticket").fill("0815")
        await judge(visited, f"hand-over-draft-{of}")
        await page.context.set_offline(True)
        await button(visited, "Hand over").click()
        await visited.said("Trying again", "[role=alert]")
        await judge(visited, f"hand-over-away-{of}")
        await page.context.set_offline(False)
        await visited.said("Handed over", DONE)
        await judge(visited, f"hand-over-done-{of}")
        await booth.says(pair.charger, 100)
        await page.goto(f"{booth.url}{COLLECT}")
        await page.locator("#scan").wait_for()
        await judge(visited, f"collect-{of}")
        await scan(visited, pair.widget)
        await visited.said("100%", ".card")
        await judge(visited, f"collect-card-{of}")
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
        await judge(visited, f"collect-done-{of}")
        await page.goto(f"{booth.url}#/waiting?booth=main-stage")
        await page.locator(".entry").first.wait_for()
        await judge(visited, f"waiting-{of}")
        await button(visited, "Missing widgets").click()
        await page.locator(".empty").wait_for()
        await judge(visited, f"waiting-none-{of}")
    await booth.leaves(pair.charger)
