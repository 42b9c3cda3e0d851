"""What an operator changes of a device on its page."""

import asyncio

import pytest
from playwright.async_api import Browser, Route, expect

from tests.console.backstage import hand_over, is_now, lose_answers, make_pair, signed_in
from tests.console.booth import Booth
from tests.console.chromium import SOON_MS, Visit, visit

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]


async def open_dialog(visited: Visit, name: str) -> None:
    await visited.page.get_by_role("button", name=name, exact=True).click()
    await visited.page.locator("dialog[open] h2", has_text=name).wait_for()


async def press(visited: Visit, name: str) -> None:
    await visited.page.locator("dialog[open]").get_by_role("button", name=name, exact=True).click()


async def is_closed(visited: Visit) -> None:
    await visited.page.locator("dialog.change").wait_for(state="hidden", timeout=SOON_MS)


async def test_a_label_is_changed_and_the_device_is_moved(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Yard 1")
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await open_dialog(visited, "Label and booth")
        # Another one moves it meanwhile: that stays.
        await booth.send("PATCH", f"/chargers/{charger}", {"location": "second shelf"})
        await visited.page.get_by_label("Label", exact=True).fill("Yard one")
        await lose_answers(visited.page, "PATCH", "**/chargers/*")
        await press(visited, "Save")
        await visited.said("does not answer", "dialog [role=alert]")
        await press(visited, "Save")
        await is_closed(visited)
        await visited.said("Yard one", "h1")
        await visited.said("second shelf", ".what")
        await open_dialog(visited, "Label and booth")
        await visited.page.locator("dialog.change select").select_option("camping")
        await press(visited, "Save")
        await visited.said("Camping", ".what")
    found = await booth.send("GET", f"/chargers/{charger}")
    assert (found["label"], found["booth"]) == ("Yard one", "camping")
    await booth.send("PATCH", f"/chargers/{charger}", {"booth": "backstage"})


async def test_a_pair_ends_and_begins_and_one_in_the_way_is_said(
    browser: Browser, booth: Booth
) -> None:
    charger, widget = await make_pair(booth, "Yard 2")
    other, taken = await make_pair(booth, "Yard 3")
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await open_dialog(visited, "End the pair")
        await lose_answers(visited.page, "DELETE", "**/pairings/*")
        await press(visited, "End the pair")
        await visited.said("does not answer", "dialog [role=alert]")
        await press(visited, "End the pair")
        await is_closed(visited)
        await open_dialog(visited, "Pair")
        await visited.page.get_by_label("Id of the widget").fill("w-nobody")
        await press(visited, "Pair")
        await visited.said("is not registered", "dialog [role=alert]")
        await visited.page.get_by_label("Id of the widget").fill(taken)
        await press(visited, "Pair")
        await visited.said(f"{other} and {taken} are a pair", "dialog [role=alert]")
        await press(visited, "Pair all the same")
        await is_closed(visited)
        await visited.page.get_by_role("link", name=f"widget {taken}").wait_for()
    assert (await booth.send("GET", f"/pairings/{charger}"))["widget"] == taken
    await booth.send("PUT", f"/pairings/{charger}?replace=true", {"widget": widget})
    await booth.send("PUT", f"/pairings/{other}", {"widget": taken})


async def test_a_pair_that_is_another_one_by_now_is_not_ended(
    browser: Browser, booth: Booth
) -> None:
    charger, widget = await make_pair(booth, "Yard 2")
    async with visit(browser, f"{booth.url}#/widget/{widget}", may_fail=True) as visited:
        await open_dialog(visited, "End the pair")
        await visited.page.wait_for_load_state("networkidle")
        await hand_over(booth, charger, "1501")
        await press(visited, "End the pair")
        await visited.said("changed it meanwhile", "dialog [role=alert]")
        await press(visited, "Cancel")
        await open_dialog(visited, "End the pair")
        await visited.said("rental is in progress", "dialog")
    assert (await booth.send("GET", f"/pairings/{charger}"))["widget"] == widget


async def test_a_secret_is_shown_once_also_after_a_lost_answer(
    browser: Browser, booth: Booth
) -> None:
    charger, _ = await make_pair(booth, "Yard 4")
    async with signed_in(browser, booth, "operator", f"/charger/{charger}") as visited:
        await open_dialog(visited, "New secret")
        assert await visited.page.locator(".secret").count() == 0
        await lose_answers(visited.page, "PUT", "**/secret")
        await press(visited, "Make a new secret")
        await visited.said("does not answer", "dialog [role=alert]")
        await press(visited, "Make a new secret")
        secret = await visited.page.locator(".secret code").inner_text()
        assert len(secret) == 32
        await press(visited, "Close")
        await is_closed(visited)
        await expect(visited.page.locator(".secret")).to_have_count(0)
        assert secret not in await visited.page.content()
    found = await booth.send("GET", f"/chargers/{charger}/secret")
    assert len(found["items"]) == 1, "both answers were of one secret"
    await booth.send("DELETE", f"/chargers/{charger}/secret")


async def test_a_secret_that_is_being_sent_cannot_be_put_away(
    browser: Browser, booth: Booth
) -> None:
    charger, _ = await make_pair(booth, "Yard 4")
    may_go = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "PUT":
            await may_go.wait()
        await route.fallback()

    async with signed_in(browser, booth, "operator", f"/charger/{charger}") as visited:
        page = visited.page
        await page.route("**/secret", hold)
        await open_dialog(visited, "New secret")
        await press(visited, "Make a new secret")
        await expect(page.locator("dialog[open]").get_by_text("Cancel")).to_be_disabled()
        for _ in range(3):
            await page.keyboard.press("Escape")
        await expect(page.locator("dialog.change[open]")).to_be_visible()
        may_go.set()
        assert len(await page.locator(".secret code").inner_text()) == 32
        await page.keyboard.press("Escape")
        await is_closed(visited)
    await booth.send("DELETE", f"/chargers/{charger}/secret")


async def test_a_hub_that_keeps_no_secrets_says_so(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Yard 4")
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await open_dialog(visited, "New secret")
        await press(visited, "Make a new secret")
        await visited.said("cannot keep secrets", "dialog [role=alert]")
        assert await visited.page.locator(".secret").count() == 0


async def test_unregistering_needs_a_second_confirmation(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Yard 5")
    async with visit(browser, f"{booth.url}#/charger/{charger}", may_fail=True) as visited:
        await open_dialog(visited, "Unregister")
        await press(visited, "Unregister")
        await expect(visited.page.locator("dialog[open]")).to_be_visible()
        assert (await booth.send("GET", f"/chargers/{charger}"))["id"] == charger
        await visited.page.get_by_label("Yes, I am sure").check()
        await lose_answers(visited.page, "DELETE", f"**/chargers/{charger}")
        await press(visited, "Unregister")
        await visited.said("does not answer", "dialog [role=alert]")
        await press(visited, "Unregister")
        await visited.said("is not registered", ".verdict")
        assert await visited.page.locator(".now").count() == 0


async def test_two_taps_are_one_change(browser: Browser, booth: Booth) -> None:
    charger, _ = await make_pair(booth, "Yard 6")
    await booth.says(charger, 50)
    async with visit(browser, f"{booth.url}#/charger/{charger}") as visited:
        await is_now(visited, "charging", "50%")
        await open_dialog(visited, "Label and booth")
        await visited.page.get_by_label("Label", exact=True).fill("Yard six")
        sent: list[str] = []
        visited.page.on("request", lambda each: sent.append(each.method))
        await visited.page.locator("dialog [type=submit]").dblclick()
        await visited.said("Yard six", "h1")
        assert sent.count("PATCH") == 1
