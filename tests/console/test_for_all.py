"""The console for all: languages, day and night, keyboard, screen reader, large fingers."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.console.axe import AXE
from tests.console.booth import Booth
from tests.console.chromium import DESK, PHONE, Visit, visit

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LEAST_PIXELS: Final = 44

FOUND: Final = """async rules => (await axe.run(document, {runOnly: rules})).violations.map(
  ({id, nodes}) => id + ': ' + nodes.map(({html}) => html).join(' '))"""
SMALL: Final = """least => [...document.querySelectorAll('button, select, input, a')]
  .filter(each => each.checkVisibility())
  .filter(each => Math.min(each.offsetHeight, each.offsetWidth) < least)
  .map(each => each.outerHTML)"""
WIDER: Final = "document.documentElement.scrollWidth > innerWidth"


async def judge(visited: Visit, name: str) -> None:
    """Keep a picture of a screen, and check that everyone can use it."""
    page = visited.page
    await visited.picture(name)
    await page.evaluate(AXE.read_text("utf-8"))
    assert await page.evaluate(FOUND, RULES) == [], name
    assert await page.evaluate(SMALL, LEAST_PIXELS) == [], name
    assert not await page.evaluate(WIDER), f"{name} is wider than the window"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["390", "1280"])
async def test_everyone_can_use_every_screen(
    browser: Browser, booth: Booth, scheme: str, viewport: ViewportSize
) -> None:
    of = f"{viewport['width']}-{scheme}"
    options: dict[str, Any] = {"viewport": viewport, "color_scheme": scheme}
    async with visit(browser, booth.guarded_url, **options) as visited:
        await visited.page.get_by_label("API key").wait_for()
        await judge(visited, f"sign-in-{of}")
    wall = f"{booth.url}#/wall?booth=main-stage"
    async with visit(browser, wall, may_fail=True, **options) as visited:
        page = visited.page
        await visited.tile("c-left-1", "charging")
        await judge(visited, f"wall-{of}")
        for name in ("Ready", "Problems"):
            await page.get_by_role("button", name=name).click()
            await page.locator(f".filter.{name.lower()}[aria-pressed=true]").wait_for()
            await judge(visited, f"{name.lower()}-{of}")
        await page.get_by_role("button", name="Menu").click()
        await page.locator("dialog[open]").wait_for()
        await judge(visited, f"menu-{of}")
        await page.get_by_role("button", name="Close").click()
        await page.context.set_offline(True)
        await visited.said("no contact since")
        await page.get_by_role("button", name="All").click()
        await judge(visited, f"no-contact-{of}")
    async with visit(browser, f"{booth.url}#/booths", **options) as visited:
        await visited.page.get_by_role("link", name="Main stage").wait_for()
        await judge(visited, f"booths-{of}")


@pytest.mark.parametrize(
    ("locale", "ready"), [("de-DE", "Fertig"), ("es-MX", "Listo"), ("fr-FR", "Prêt")]
)
async def test_it_speaks_the_browsers_language_or_the_one_that_is_chosen(
    browser: Browser, booth: Booth, locale: str, ready: str
) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage", locale=locale) as visited:
        await visited.tile("c-left-3", "ready", ready)
        assert await visited.page.locator("html").get_attribute("lang") == locale[:2]
        await visited.picture(f"wall-390-{locale[:2]}")
        await visited.page.locator("header .menu").click()
        await visited.page.locator("dialog select").first.select_option("en")
        await visited.tile("c-left-3", "ready", "Ready")
        await visited.page.reload()
        await visited.tile("c-left-3", "ready", "Ready")


async def test_a_language_that_there_is_not_is_english(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage", locale="fi-FI") as visited:
        await visited.tile("c-left-3", "ready", "Ready")


async def test_all_of_it_works_with_a_keyboard(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        page = visited.page
        await visited.tile("c-left-1", "charging")
        focus = "document.activeElement.className || document.activeElement.tagName"
        links = await page.locator(".bar a").count()
        wanted = ["SELECT", "menu", *links * ["A"], "filter all", "filter ready", "filter problems"]
        reached = []
        for _ in wanted:
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate(focus))
        assert reached == wanted
        await page.keyboard.press("Enter")
        await page.locator(".filter.problems[aria-pressed=true]").wait_for()
        for _ in range(3 + links):
            await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await page.locator("dialog[open]").wait_for()
        await page.keyboard.press("Escape")
        await page.locator("dialog[open]").wait_for(state="hidden")
        assert await page.evaluate(focus) == "menu"


async def test_the_look_that_was_chosen_stays(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage") as visited:
        page = visited.page
        colour = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(colour)
        await page.get_by_role("button", name="Menu").click()
        await page.get_by_label("Appearance").select_option("dark")
        dark = await page.evaluate(colour)
        assert dark != light
        await page.reload()
        await page.locator(".tile").first.wait_for()
        assert await page.evaluate(colour) == dark
