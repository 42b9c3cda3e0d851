"""A picture of each screen, for people; `make console-pictures` makes those of the document."""

import os

import pytest
from playwright.async_api import Browser

from tests.console.booth import Booth
from tests.console.chromium import PICTURES, visit
from tests.console.screens import FOLDER, SCREENS, SIZE, VARIABLE
from tests.console.test_sign_in import sign_in
from tests.fixtures.postgres_at import ADMIN_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(120)]


@pytest.mark.parametrize("name", SCREENS)
async def test_each_screen_can_be_opened_by_its_address(
    browser: Browser, booth: Booth, name: str
) -> None:
    screen = SCREENS[name]
    root = booth.guarded_url if screen.asks_for_a_key else booth.url
    async with visit(browser, root + screen.address, viewport=SIZE) as visited:
        if screen.signs_in:
            await sign_in(visited, ADMIN_KEY)
        await visited.page.locator(screen.shows).first.wait_for()
        is_asked = os.environ.get(VARIABLE) == "docs"
        await visited.picture(name, FOLDER if is_asked else PICTURES)
