"""Signing in and out, and what a session's end looks like."""

import pytest
from playwright.async_api import Browser

from tests.console.booth import Booth
from tests.console.chromium import Visit, visit
from tests.fixtures.postgres_at import ADMIN_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(120)]


async def sign_in(visited: Visit, key: str) -> None:
    await visited.page.get_by_label("API key").fill(key)
    await visited.page.get_by_role("button", name="Sign in").click()


async def test_a_key_signs_in_and_the_page_opens_again_until_one_signs_out(
    browser: Browser, booth: Booth
) -> None:
    key = await booth.key_of("anton", "attendant")
    async with visit(browser, booth.guarded_url, may_fail=True) as visited:
        page = visited.page
        await sign_in(visited, "clk_0123456789ab_" + "x" * 43)
        await visited.said("not valid", "[role=alert]")
        await sign_in(visited, key["key"])
        await visited.wall()
        await page.reload()
        await visited.wall()
        await page.get_by_role("button", name="Menu").click()
        await visited.said("anton, attendant", "dialog")
        await visited.said("take phones in", "dialog")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("API key").wait_for()
        await page.reload()
        await page.get_by_label("API key").wait_for()
        assert await page.context.cookies() == []
        kept = await page.evaluate("JSON.stringify(localStorage)")
        assert key["key"].split("_")[2] not in kept


async def test_a_visit_without_a_session_is_no_refused_login(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, booth.guarded_url) as visited:
        await visited.page.get_by_label("API key").wait_for()
        paths = {each.removeprefix(booth.guarded.url) for each in visited.asked}
        assert all(path.startswith("/console/") for path in paths)


async def test_a_code_from_a_phones_camera_signs_in_once(browser: Browser, booth: Booth) -> None:
    key = await booth.key_of("berta", "operator", booth="camping")
    made = await booth.send("POST", "/session/codes", {"key_id": key["id"]})
    address = f"{booth.guarded_url}#code={made['code']}"
    async with visit(browser, address) as visited:
        await visited.tile("c-tent-1", "charging")
        # Only the key's own booth, and the code is in no address any more.
        assert await visited.page.locator(".tile").count() == 1
        await visited.said("Camping", ".own-booth")
        assert made["code"] not in visited.page.url
        assert not any(made["code"] in each for each in visited.asked)
    async with visit(browser, address, may_fail=True) as visited:
        await visited.said("not good any more", "[role=alert]")


async def test_a_page_whose_key_is_revoked_says_so(browser: Browser, booth: Booth) -> None:
    key = await booth.key_of("carl", "viewer")
    async with visit(browser, booth.guarded_url, may_fail=True) as visited:
        await sign_in(visited, key["key"])
        await visited.wall()
        await booth.send("DELETE", f"/keys/{key['id']}")
        await visited.said("Your session has ended", "[role=alert]")
        assert await visited.page.locator(".tile").count() == 0


async def test_a_session_is_in_no_log(browser: Browser, booth: Booth) -> None:
    async with visit(browser, booth.guarded_url) as visited:
        await sign_in(visited, ADMIN_KEY)
        await visited.wall()
        (cookie,) = await visited.page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
    log = booth.guarded.process.log_text()
    assert "signed in" in log
    assert cookie["value"] not in log
    assert ADMIN_KEY.split("_")[2] not in log
