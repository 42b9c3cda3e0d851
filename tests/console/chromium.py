"""A real Chromium, and pages in it that note what they asked for and what went wrong."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    async_playwright,
)

from tests.fixtures.processes import ROOT

VARIABLE: Final = "CHARGELIGHT_TEST_BROWSER"
"""With the value `required`, tests fail where there is no Chromium."""
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = (
    "--no-sandbox",  # root has none
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    # The outside is cut off: only numbers of this machine lead anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
PICTURES: Final = ROOT / ".cache" / "console"

SOON_MS: Final = 30_000.0
"""After which something that should happen at once has failed to (a liveness bound)."""

CHANGED: Final = "ERR_NETWORK_CHANGED"
"""Requests that wait for a connection fail so while this machine makes or removes a network, as a
Docker engine does for other tests. The console asks again."""

PHONE: Final = ViewportSize(width=390, height=844)
DESK: Final = ViewportSize(width=1280, height=800)


def path_of_chromium() -> str | None:
    """Return where it is; None: there is none on the PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def find_chromium() -> str:
    """Return where it is; skip the test where it is not, or fail it."""
    found = path_of_chromium()
    if found is None:
        why = f"there is no Chromium on the PATH ({', '.join(NAMES)})"
        if os.environ.get(VARIABLE) == "required":
            pytest.fail(f"{VARIABLE} is required, but {why}")
        pytest.skip(why)
    return found


@asynccontextmanager
async def chromium(*more: str) -> AsyncIterator[Browser]:
    """Run one while the context is open, with more arguments."""
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=(*ARGUMENTS, *more))
        yield browser
        await browser.close()


@dataclass
class Visit:
    """A page, and what happened in it."""

    page: Page
    asked: list[str] = field(default_factory=list)
    """The addresses of all requests."""
    under_way: list[Request] = field(default_factory=list)
    """The requests that have not ended."""
    wrong: list[str] = field(default_factory=list)
    """What the browser complained of: errors in scripts, refused by a policy, 404."""

    def on_request(self, request: Request) -> None:
        self.asked.append(request.url)
        self.under_way.append(request)

    def on_end_of_request(self, request: Request) -> None:
        self.under_way.remove(request)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and CHANGED not in message.text:
            self.wrong.append(f"{message.text} ({message.location.get('url')})")

    def on_error(self, error: Any) -> None:
        self.wrong.append(str(error))

    async def seen(self) -> str:
        """Return what the page shows and what failed in it, to find the cause of a failed test."""
        text = await self.page.evaluate("document.body.innerText")
        waiting = [each.url for each in self.under_way]
        return f"at {self.page.url}\nwaiting for {waiting}\nwrong: {self.wrong}\n{text}"

    async def said(self, text: str, selector: str = ".contact") -> None:
        """Return once a part of the page says something."""
        await self.page.locator(selector, has_text=text).first.wait_for(timeout=SOON_MS)

    async def wall(self) -> None:
        """Return once there is a wall with chargers, whichever are at its top."""
        await self.page.locator(".tile").first.wait_for(timeout=SOON_MS)

    async def tile(self, charger: str, kind: str, *texts: str) -> str:
        """Return the text of a charger's tile, once it is of a kind and says some texts."""
        found = self.page.locator(f'.tile.{kind}[data-charger="{charger}"]')
        for text in texts:
            found = found.filter(has_text=text)
        await found.wait_for(timeout=SOON_MS)
        return await found.inner_text()

    async def picture(self, name: str, folder: Path = PICTURES) -> None:
        """Keep what it looks like, for people to look at."""
        await self.page.screenshot(path=folder / f"{name}.png")


@asynccontextmanager
async def visit(
    browser: Browser,
    url: str,
    *,
    may_fail: bool = False,
    viewport: ViewportSize = PHONE,
    **options: Any,
) -> AsyncIterator[Visit]:
    """Open a page of the console in a profile of its own.

    Afterwards nothing may have gone wrong in it (but requests, where they may fail), and no
    request may have left the hub.
    """
    context = await browser.new_context(
        viewport=viewport, locale=options.pop("locale", "en-GB"), **options
    )
    context.set_default_timeout(SOON_MS)
    page = await context.new_page()
    visited = Visit(page)
    page.on("request", visited.on_request)
    page.on("requestfinished", visited.on_end_of_request)
    page.on("requestfailed", visited.on_end_of_request)
    page.on("console", visited.on_console)
    page.on("pageerror", visited.on_error)
    await page.goto(url)
    try:
        yield visited
    except (Error, AssertionError) as error:
        error.add_note(await visited.seen())
        raise
    finally:
        await context.close()
    assert {urlsplit(each).netloc for each in visited.asked} == {urlsplit(url).netloc}
    failed = "Failed to load resource"
    wrong = [each for each in visited.wrong if not (may_fail and failed in each)]
    assert wrong == [], wrong
