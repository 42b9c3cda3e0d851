"""A charger's and a widget's page: how it is, and why."""

import json
import re

import pytest
from playwright.async_api import Browser, Route, ViewportSize, expect

from tests.console.backstage import connected_widget, hand_over, is_now, make_pair, signed_in
from tests.console.booth import Booth
from tests.console.chromium import DESK, PHONE, SOON_MS, visit
from tests.console.test_away import away
from tests.console.test_for_all import judge

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]


async def test_a_chargers_page_follows_its_light_and_says_why(
    browser: Browser, booth: Booth
) -> None:
    charger, widget = await make_pair(booth, "Door 1")
    async with (
        connected_widget(booth, widget),
        visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited,
    ):
        await visited.said("Door 1", "h1")
        await visited.said("is offline", ".verdict")
        await visited.said("Check its power", ".why p")
        for level, kind, word in ((38, "charging", "Charging"), (100, "ready", "Ready")):
            await booth.says(charger, level)
            await is_now(visited, kind, word, f"{level}%")
            await visited.said("All is right", ".verdict")
        await visited.said("live")
        await visited.page.get_by_text("What was looked at").click()
        findings = visited.page.locator(".why dl")
        for said in ("Registration", "connected to", "Last reading"):
            await expect(findings).to_contain_text(said)
        await visited.page.get_by_role("link", name=f"widget {widget}").click()
        await visited.said(f"widget {widget}", ".what")
        await is_now(visited, "ready", "100%")
        await visited.page.get_by_role("link", name=f"charger {charger}").click()
        await visited.said(f"charger {charger}", ".what")


@pytest.mark.parametrize(
    ("locale", "verdict", "remedy"),
    [
        ("de-DE", "ist offline", "Prüfe Strom und Netzwerk."),
        ("es-ES", "está sin conexión", "Comprueba la corriente y la red."),
        ("fr-FR", "est hors ligne", "Vérifiez son alimentation et son réseau."),
    ],
)
async def test_it_says_why_in_the_readers_language(
    browser: Browser, booth: Booth, locale: str, verdict: str, remedy: str
) -> None:
    charger, _ = await make_pair(booth, "Door 2")
    async with visit(browser, f"{booth.url}#/charger/{charger}", locale=locale) as visited:
        await visited.said(verdict, ".verdict")
        await visited.said(remedy, ".why p")
        await visited.page.locator("summary").click()
        await visited.picture(f"device-390-{locale[:2]}")


async def test_a_code_of_a_newer_hub_is_said_in_english(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Door 2")

    async def newer(route: Route) -> None:
        told = await (await route.fetch()).json()
        told |= {"code": "of_tomorrow", "verdict": "It is tomorrow.", "remedy": "Wait."}
        told["findings"][0] |= {"code": "of_tomorrow", "text": "seen tomorrow"}
        # This version's text has a gap that this hub says nothing for.
        told["findings"][1] |= {"code": "paired", "text": "paired, somehow", "values": {}}
        await route.fulfill(body=json.dumps(told), content_type="application/json")

    async with visit(browser, f"{booth.url}#/booths", locale="de-DE") as visited:
        await visited.page.route("**/explanation", newer)
        await visited.page.goto(f"{booth.url}#/charger/{charger}")
        await visited.said("It is tomorrow.", ".verdict")
        await visited.said("Wait.", ".why p")
        await visited.page.locator("summary").click()
        await visited.said("seen tomorrow", ".why dd")
        await visited.said("paired, somehow", ".why dd")
        await visited.page.unroute_all(behavior="ignoreErrors")


async def test_the_rental_in_progress_has_a_chart_and_those_before_too(
    browser: Browser, booth: Booth
) -> None:
    charger, widget = await make_pair(booth, "Door 3")
    for ticket, level in (("1201", 83), ("1202", 20)):
        await hand_over(booth, charger, ticket)
        await booth.says(charger, level)
        async with visit(browser, f"{booth.url}#/widget/{widget}") as visited:
            chart = visited.page.get_by_role("img", name=f"Level: {level}%")
            await chart.wait_for(timeout=SOON_MS)
            await visited.said("In progress since", "section p")
        if ticket == "1201":
            await booth.send("PUT", f"{booth.rentals[charger]}/collection")
    async with visit(browser, f"{booth.url}#/charger/{charger}", viewport=DESK) as visited:
        await visited.page.get_by_role("img", name="Level: 20%").wait_for()
        await visited.said("Charging", ".lights")
        before = visited.page.get_by_role("button", name="1201")
        await before.click()
        await visited.page.get_by_role("img", name="Level: 83%").wait_for(timeout=SOON_MS)
        await visited.said("Soon", ".lights")
        await expect(before).to_have_attribute("aria-pressed", "true")


async def test_an_id_that_nobody_has_is_said_to_be_that(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Door 2")
    async with visit(browser, f"{booth.url}#/charger/c-nobody", may_fail=True) as visited:
        await visited.said("c-nobody is not registered", ".verdict")
        assert await visited.page.locator(".now").count() == 0
        await visited.page.goto(f"{booth.url}#/charger/C-Door-2")
        await visited.said(f"There is {charger}: capitals matter", ".why p")
        await visited.page.goto(f"{booth.url}#/widget/{charger}")
        await visited.page.get_by_role("link", name=f"charger {charger}").click()
        await visited.said("Door 2", "h1")
        await visited.page.goto(f"{booth.url}#/charger/no%20id")
        await visited.said("There is no charger no id", "[role=alert]")


async def test_connectors_lead_to_each_other(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Door 4")
    await booth.send("PUT", f"/chargers/{charger}:2", {"label": "Door 4, right"})
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await visited.page.get_by_role("link", name=f"charger {charger}:2").click()
        await visited.said("Door 4, right", "h1")
        await visited.said("is not paired", ".verdict")
        # The label on it may lead there without encoding.
        await visited.page.goto(f"{booth.url}#/charger/{charger}:2")
        await visited.page.get_by_role("link", name=re.compile(f"charger {charger}$")).click()
        await visited.said("Door 4", "h1")


async def test_it_says_what_is_away_and_shows_nothing_old_as_new(
    browser: Browser, booth: Booth
) -> None:
    charger, _ = await make_pair(booth, "Door 1")
    await booth.says(charger, 85)
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await is_now(visited, "soon", "85%")
        await visited.page.context.set_offline(True)
        await visited.said("no contact since")
        await visited.page.locator(".device.not-current .now svg").wait_for(state="hidden")
        await visited.page.context.set_offline(False)
        await visited.said("live")
        with away(booth.to_redis):
            await visited.said("Redis is away")
            await visited.said("Redis is away: no light changes", ".verdict")
            await visited.said("last: Soon", ".now")
        await visited.said("live")
        with away(booth.to_postgres):
            await visited.said("Postgres is away")
            await booth.says(charger, 100)
            await is_now(visited, "ready", "100%")
        await visited.said("live")


async def test_each_role_sees_what_it_may_do(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Door 5")
    screen = f"/charger/{charger}"
    async with signed_in(browser, booth, "viewer", screen) as visited:
        await visited.said("Door 5", "h1")
        await visited.page.locator(".verdict").wait_for()
        assert await visited.page.locator(".button.main").count() == 0
        assert await visited.page.get_by_role("button", name="Unregister").count() == 0
    async with signed_in(browser, booth, "attendant", screen) as visited:
        link = visited.page.get_by_role("main").get_by_role("link", name="Hand over")
        await expect(link).to_have_attribute("href", f"#/hand-over/{charger}")
        assert await visited.page.get_by_role("button", name="Unregister").count() == 0
        await hand_over(booth, charger, "1301")
        link = visited.page.get_by_role("main").get_by_role("link", name="Collect")
        await expect(link).to_have_attribute("href", f"#/collect/{charger}", timeout=SOON_MS)
    async with signed_in(browser, booth, "operator", screen) as visited:
        await visited.page.get_by_role("button", name="Unregister").wait_for()


async def test_a_session_that_ends_is_said_and_another_booths_device_is_not_shown(
    browser: Browser, booth: Booth
) -> None:
    charger, _ = await make_pair(booth, "Door 5")
    async with signed_in(browser, booth, "viewer", f"/charger/{charger}") as visited:
        await visited.page.locator(".verdict").wait_for()
        await visited.page.context.clear_cookies()
        await visited.said("Your session has ended", "[role=alert]")
    limited = signed_in(browser, booth, "operator", f"/charger/{charger}", only="camping")
    async with limited as visited:
        await visited.said(f"There is no charger {charger} here", "[role=alert]")


async def test_a_tile_of_the_wall_leads_to_its_chargers_page(
    browser: Browser, booth: Booth
) -> None:
    await make_pair(booth, "Door 6")
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        page = visited.page
        await visited.tile("c-left-1", "charging")
        await page.get_by_role("button", name="Problems").focus()
        focused = "document.activeElement.closest('.tile')?.dataset.charger"
        reached = []
        for _ in range(11):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate(focused))
        # In the order of the wall, through the rows that come into sight on the way.
        assert reached[:3] == ["c-left-1", "c-left-2", "c-left-3"]
        assert reached[-1] == "c-right-10"
        assert len({*reached}) == 11
        await page.keyboard.press("Enter")
        await visited.said("Right 10", "h1")
        assert page.url.endswith("#/charger/c-right-10?booth=main-stage")
        await page.go_back()
        await visited.tile("c-left-1", "charging")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["390", "1280"])
async def test_everyone_can_use_it(
    browser: Browser, booth: Booth, scheme: str, viewport: ViewportSize
) -> None:
    charger, widget = await make_pair(booth, "Door 7")
    await booth.send("PUT", f"/chargers/{charger}:2", {"label": "Door 7, right"})
    if charger not in booth.rentals:
        await hand_over(booth, charger, "1401")
    for level in (20, 41, 62, 83):
        await booth.says(charger, level)
    of = f"{viewport['width']}-{scheme}"
    url = f"{booth.url}#/charger/{charger}"
    async with visit(
        browser, url, viewport=viewport, color_scheme=scheme, may_fail=True
    ) as visited:
        page = visited.page
        await page.get_by_role("img", name="Level").wait_for(timeout=SOON_MS)
        await judge(visited, f"device-{of}")
        await page.locator("summary").click()
        await judge(visited, f"device-findings-{of}")
        for name in ("Label and booth", "End the pair", "New secret", "Unregister"):
            await page.get_by_role("button", name=name).click()
            await page.locator("dialog[open] h2", has_text=name).wait_for()
            await judge(visited, f"device-{name.split()[0].lower()}-{of}")
            await page.keyboard.press("Escape")
        await page.goto(f"{booth.url}#/charger/c-nobody")
        await visited.said("is not registered", ".verdict")
        await judge(visited, f"device-unknown-{of}")
        await page.goto(f"{booth.url}#/widget/{widget}")
        await visited.said("is offline", ".verdict")
        await page.context.set_offline(True)
        await visited.said("no contact since")
        await judge(visited, f"device-no-contact-{of}")
