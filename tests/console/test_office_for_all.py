"""The office for all: everyone can use every screen of it, in every language."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.console.booth import Booth
from tests.console.chromium import DESK, PHONE, Visit, visit
from tests.console.test_for_all import judge
from tests.console.test_office import ROWS, choose
from tests.console.test_sign_in import sign_in
from tests.fixtures.postgres_at import ADMIN_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

READY: Final = ":is(.card, .lines li, form):visible"
"""What is in each screen of the office, once it is there."""


async def judge_people(visited: Visit, of: str) -> None:
    page = visited.page
    await page.locator("li.card").first.wait_for()
    await page.locator("summary").first.click()
    await judge(visited, f"people-{of}")
    await page.locator(".card", has_text="katja").get_by_role("button").first.click()
    await page.locator("dialog.code svg.qr").wait_for()
    await judge(visited, f"code-{of}")
    await page.keyboard.press("Escape")
    await page.locator(".card", has_text="katja").get_by_role("button").last.click()
    await page.locator("dialog.revoke[open]").wait_for()
    await judge(visited, f"revoke-{of}")
    await page.keyboard.press("Escape")


async def judge_import(visited: Visit, of: str) -> None:
    await visited.page.locator(".import summary").click()
    await judge(visited, f"import-{of}")
    await choose(visited, ROWS)
    await visited.page.locator("table.refused").wait_for()
    await judge(visited, f"import-refused-{of}")
    rows = "".join(f"charger,y{number},Shelf {number},\n" for number in range(20))
    await choose(visited, f"kind,id,label,widget\n{rows}charger,c-left-1,Left one,\n")
    await visited.page.locator("button.go").wait_for()
    await judge(visited, f"import-preview-{of}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["390", "1280"])
async def test_everyone_can_use_every_screen_of_the_office(
    browser: Browser, booth: Booth, scheme: str, viewport: ViewportSize
) -> None:
    of = f"{viewport['width']}-{scheme}"
    key = await booth.key_of(f"katja-{of}", "attendant", booth="camping")
    options: dict[str, Any] = {"viewport": viewport, "color_scheme": scheme, "may_fail": True}
    async with visit(browser, booth.guarded_url, **options) as visited:
        await sign_in(visited, ADMIN_KEY)
        await visited.wall()
        await visited.page.goto(f"{booth.guarded_url}#/people")
        await judge_people(visited, of)
        await visited.page.goto(f"{booth.guarded_url}#/import")
        await judge_import(visited, of)
        for screen in ("audit", "labels", "booth-names", "health"):
            await visited.page.goto(f"{booth.guarded_url}#/{screen}")
            await visited.page.locator(f".{screen}").locator(READY).first.wait_for()
            await judge(visited, f"{screen}-{of}")
    await booth.send("DELETE", f"/keys/{key['id']}")


@pytest.mark.parametrize("locale", ["de-DE", "es-MX", "fr-FR"])
async def test_the_office_speaks_every_language(
    browser: Browser, booth: Booth, locale: str
) -> None:
    async with visit(browser, booth.guarded_url, locale=locale, may_fail=True) as visited:
        page = visited.page
        await page.locator("#key").fill(ADMIN_KEY)
        await page.keyboard.press("Enter")
        await visited.wall()
        bar = "document.querySelector('.bar')"
        assert await page.evaluate(f"{bar}.scrollWidth <= {bar}.clientWidth"), "a screen is cut off"
        for screen in ("people", "audit", "health", "import"):
            await page.goto(f"{booth.guarded_url}#/{screen}")
            await page.locator(f".{screen}").locator(READY).first.wait_for()
            if screen == "import":
                await choose_by(visited)
            await judge(visited, f"{screen}-390-{locale[:2]}")


async def choose_by(visited: Visit) -> None:
    """Choose a file, whatever the page's language."""
    await visited.page.locator("input[type=file]").set_input_files(
        {"name": "devices.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    )
    await visited.page.locator("table.refused").wait_for()
