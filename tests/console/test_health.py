"""The hub at a glance, also while parts of it are away."""

import pytest
from playwright.async_api import Browser

from tests.console.booth import Booth
from tests.console.chromium import DESK, Visit, visit
from tests.console.test_away import away, pull
from tests.console.test_sign_in import sign_in

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]


async def cards(visited: Visit) -> dict[str, str]:
    """Return what each card says, by its heading."""
    found = await visited.page.locator(".card").evaluate_all(
        "cards => cards.map(each => [each.querySelector('h3').innerText, each.innerText])"
    )
    return {title.split()[0]: text for title, text in found}


async def test_it_shows_what_runs_what_waits_and_what_happened(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, f"{booth.url}#/health", viewport=DESK) as visited:
        await visited.said("live")
        # All five have said how they are.
        await visited.page.locator("li.card .word.ready").nth(4).wait_for()
        said = await cards(visited)
        assert "Answers" in said["Redis"]
        assert "Memory" in said["Redis"]
        assert "Connections" in said["Postgres"]
        assert "Lights overdue" in said["What"]
        services = [each.split("-")[0] for each in said]
        assert services.count("registry") == 3
        assert {"gateway", "router"} <= {*services}
        gateway = next(text for title, text in said.items() if title.startswith("gateway"))
        assert "Ready" in gateway
        assert " of " in gateway, "how many connections it takes"
        await visited.said("started", ".lines")


async def test_what_is_away_is_said_with_the_age_of_what_is_shown(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, f"{booth.url}#/health", may_fail=True) as visited:
        await visited.said("live")
        with away(booth.to_redis):
            await visited.said("part of the hub is away")
            await visited.said("As it was", ".card")
            await visited.said("not heard while Redis is away", "li.card")
            assert "Memory" in (await cards(visited))["Redis"], "what was known stays"
        await visited.said("live")
        with away(booth.to_postgres):
            await visited.said("part of the hub is away")
            postgres = visited.page.locator(".card", has_text="Postgres")
            await postgres.filter(has_text="As it was").wait_for()
        await visited.said("live")
        pull(booth.wifi)
        try:
            await visited.said("no contact since")
            await visited.page.locator(".not-current").wait_for()
            assert "Memory" in (await cards(visited))["Redis"]
        finally:
            booth.wifi.heal()
            booth.wifi.cut()
        await visited.said("live")


async def test_a_session_that_ends_ends_it(browser: Browser, booth: Booth) -> None:
    key = await booth.key_of("jana", "viewer")
    async with visit(browser, booth.guarded_url, may_fail=True) as visited:
        await sign_in(visited, key["key"])
        await visited.wall()
        await visited.page.goto(f"{booth.guarded_url}#/health")
        await visited.said("live")
        await booth.send("DELETE", f"/keys/{key['id']}")
        await visited.said("Your session has ended", "[role=alert]")
        assert await visited.page.locator(".card").count() == 0
