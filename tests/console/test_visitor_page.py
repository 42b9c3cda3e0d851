"""The visitor's page, as a visitor's browser shows it."""

from typing import Any

import pytest
from playwright.async_api import Browser

from tests.console.backstage import hand_over, make_pair
from tests.console.booth import Booth
from tests.console.chromium import visit
from tests.console.test_for_all import judge

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(120)]

SAID = {
    "en-GB": ("Charging", "Nearly ready", "Ready"),
    "de-DE": ("Lädt", "Fast fertig", "Fertig"),
    "es-ES": ("Cargando", "Casi listo", "Listo"),
    "fr-FR": ("En charge", "Presque prêt", "Prêt"),
}


@pytest.mark.parametrize("locale", SAID)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_visitor_can_read_it(
    browser: Browser, booth: Booth, scheme: str, locale: str
) -> None:
    charger, _ = await make_pair(booth, "Gate 1")
    await hand_over(booth, charger, "1701")
    page_of = await booth.send("PUT", f"{booth.rentals[charger]}/visitor-page")
    # Each registry counts for itself how often an address looks.
    registry = booth.spare if scheme == "dark" else booth.guarded
    url = f"{registry.url}/v/{page_of['code']}"
    of = f"{locale[:2]}-{scheme}"
    looks: dict[str, Any] = {"locale": locale, "color_scheme": scheme}
    async with visit(browser, url, may_fail=True, **looks) as visited:
        for level, words in zip((30, 85, 100), SAID[locale], strict=True):
            await booth.says(charger, level)
            await visited.page.reload()
            await visited.said(words, "h1")
            await judge(visited, f"visitor-{level}-{of}")
        await booth.send("PUT", f"{booth.rentals[charger]}/collection")
        await visited.page.reload()
        await visited.page.locator("h1").wait_for()
        await judge(visited, f"visitor-gone-{of}")
