"""A booth of its own for the tests of devices' pages: what they change, no wall shows."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, Page, Route

from tests.console.booth import Booth
from tests.console.chromium import SOON_MS, Visit, visit
from tests.console.test_sign_in import sign_in
from tests.fixtures.hub import connect_device

BOOTH: Final = "backstage"


async def make_pair(booth: Booth, label: str) -> tuple[str, str]:
    """Register a charger and its widget there, and return their ids."""
    known = await booth.send("GET", "/booths")
    if BOOTH not in {each["id"] for each in known["items"]}:
        await booth.send("POST", "/booths", {"name": "Backstage"})
    charger = await booth.make(BOOTH, label)
    return charger, f"w{charger[1:]}"


async def hand_over(booth: Booth, charger: str, ticket: str) -> None:
    """Hand a phone over: the charger is cut off by that, to say its level again."""
    if charger in booth.chargers:
        await booth.leaves(charger)
    await booth.hand_over(charger, ticket)


@asynccontextmanager
async def connected_widget(booth: Booth, widget: str) -> AsyncIterator[None]:
    """Have a widget be connected while the context is open."""
    device = await connect_device(booth.hub.gateways[0].widget_url(widget))
    try:
        yield
    finally:
        await device.close()


@asynccontextmanager
async def signed_in(
    browser: Browser, booth: Booth, role: str, screen: str, *, only: str | None = None
) -> AsyncIterator[Visit]:
    """Open a screen with a new key of a role, perhaps of one booth ``only``."""
    limit = {} if only is None else {"booth": only}
    key = await booth.key_of(f"{role}-{uuid.uuid4()}", role, **limit)
    async with visit(browser, f"{booth.guarded_url}#{screen}", may_fail=True) as visited:
        await sign_in(visited, key["key"])
        await visited.page.locator("main h1").wait_for()
        # One who signs in is where the address says.
        await visited.page.goto(f"{booth.guarded_url}#{screen}")
        yield visited


async def is_now(visited: Visit, kind: str, *texts: str) -> None:
    """Return once the device's page shows a kind of light, and some texts."""
    found = visited.page.locator(f".now.{kind}")
    for text in texts:
        found = found.filter(has_text=text)
    await found.wait_for(timeout=SOON_MS)


async def lose_answers(page: Page, method: str, path: str) -> None:
    """Have the hub do what is asked for, and the next answer be lost on its way."""
    lost = False

    async def lose(route: Route) -> None:
        nonlocal lost
        if lost or route.request.method != method:
            await route.fallback()
            return
        lost = True
        await route.fetch()
        await route.abort()

    await page.route(path, lose)
