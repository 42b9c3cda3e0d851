"""What a wall says while something is away: nothing old looks current."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.console.booth import Booth, charger_of
from tests.console.chromium import Visit, visit
from tests.fixtures.fault_proxy import FaultProxy, Mode

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

CHARGER = charger_of("Left 4")
SECONDS: Final = float(os.environ.get("CHARGELIGHT_TEST_AWAY_SECONDS", "0"))
"""For how long it is away; `make console-proof` has 30, and prints what comes of it."""


@pytest_asyncio.fixture(loop_scope="package")
async def wall(browser: Browser, booth: Booth) -> AsyncIterator[Visit]:
    await booth.says(CHARGER, 12.5)
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage", may_fail=True) as visited:
        await visited.tile(CHARGER, "charging")
        yield visited


def pull(cable: FaultProxy) -> None:
    """Lose all that is sent, and tell neither end; new connections lead nowhere."""
    for link in cable.links:
        link.silence()
    cable.to_server.mode = cable.to_client.mode = Mode.DROP


@contextmanager
def away(cable: FaultProxy) -> Iterator[None]:
    """Have a server be away while the context is open; then its connections are made again."""
    pull(cable)
    try:
        yield
    finally:
        cable.heal()
        cable.cut()


async def is_old(wall: Visit) -> None:
    """Return once every tile says that it is old, and none has a colour or a shape."""
    await wall.page.locator("main.not-current").wait_for()
    tiles = wall.page.locator(".tile")
    words = await tiles.locator(".word").all_inner_texts()
    assert words
    assert all(word.startswith("last: ") for word in words), words
    looks = await tiles.evaluate_all(
        "tiles => tiles.map(tile => [getComputedStyle(tile).backgroundColor,"
        " getComputedStyle(tile.querySelector('.word svg')).display])"
    )
    assert len({tuple(look) for look in looks}) == 1
    assert looks[0][1] == "none"


async def test_a_network_that_is_away_is_said_and_its_return_shows_what_is(
    wall: Visit, booth: Booth
) -> None:
    pull(booth.wifi)
    away_at = time.monotonic()
    try:
        await wall.said("no contact since")
        warned = time.monotonic() - away_at
        await is_old(wall)
        await booth.says(CHARGER, 100)
        await asyncio.sleep(away_at + SECONDS - time.monotonic())  # not a wait for something
        await is_old(wall)
    finally:
        booth.wifi.heal()
        back_at = time.monotonic()
    await wall.said("live")
    await wall.tile(CHARGER, "ready", "100%")
    right = time.monotonic() - back_at
    print(f"\nWi-Fi: warned {warned:.1f} s after it went, right {right:.1f} s after it came back")  # noqa: T201


@pytest.mark.parametrize("lost", ["app.js", "desk/meaning.js", "wall/wall.css"])
async def test_a_page_that_did_not_arrive_as_a_whole_is_loaded_again(
    browser: Browser, booth: Booth, lost: str
) -> None:
    async with visit(browser, f"{booth.url}#/wall?booth=main-stage", may_fail=True) as visited:
        await visited.wall()
        asked = len(visited.asked)
        # The hub is not there either, until it was read.
        await visited.page.route("**/hub.json", lambda route: route.abort())
        await visited.page.route(f"**/{lost}", lambda route: route.abort(), times=1)
        await visited.page.reload(wait_until="commit")
        await visited.said("A part of this page did not arrive", "#not-whole")
        await visited.page.unroute("**/hub.json")
        await visited.page.locator("#not-whole").wait_for(state="hidden")
        await visited.tile("c-left-1", "charging")
        again = [each for each in visited.asked[asked:] if each.endswith(lost)]
        assert len(again) == 2


async def test_a_browser_that_knows_of_it_is_believed(wall: Visit, booth: Booth) -> None:
    await wall.page.context.set_offline(True)
    await wall.said("no contact since")
    await is_old(wall)
    await booth.says(CHARGER, 80)
    await wall.page.context.set_offline(False)
    await wall.said("live")
    await wall.tile(CHARGER, "soon", "80%")


async def test_a_redis_that_is_away_is_said(wall: Visit, booth: Booth) -> None:
    with away(booth.to_redis):
        await wall.said("Redis is away")
        await is_old(wall)
        await booth.says(CHARGER, 100)
        # Who opens the page now sees no old light that looks current either.
        await wall.page.reload()
        await wall.said("Redis is away")
        await is_old(wall)
    await wall.said("live")
    await wall.tile(CHARGER, "ready", "100%")


async def test_an_open_wall_goes_on_without_postgres(wall: Visit, booth: Booth) -> None:
    with away(booth.to_postgres):
        await wall.said("Postgres is away")
        await booth.says(CHARGER, 85)
        await wall.tile(CHARGER, "soon", "85%")
        # The page itself can be opened, and says how it is.
        await wall.page.reload()
        await wall.page.locator("header select").wait_for()
    await wall.said("live")
    await wall.tile(CHARGER, "soon", "85%")


async def test_after_a_registry_was_killed_another_one_goes_on(wall: Visit, booth: Booth) -> None:
    booth.open_.process.kill()
    try:
        await booth.says(CHARGER, 100)
        await wall.tile(CHARGER, "ready", "100%")
        await wall.said("live")
        assert await wall.page.locator(".tile").count() > 1
    finally:
        booth.open_.process.start()
        await booth.open_.process.ready()


async def test_nothing_is_open_in_a_tab_that_nobody_sees(wall: Visit, booth: Booth) -> None:
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    await wall.said("live")
    await wall.page.evaluate(hide, True)  # noqa: FBT003
    await wall.page.locator("main.not-current").wait_for()
    await booth.says(CHARGER, 100)
    await wall.page.evaluate(hide, False)  # noqa: FBT003
    await wall.said("live")
    await wall.tile(CHARGER, "ready", "100%")
