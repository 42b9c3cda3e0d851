"""The office: keys and codes, an import, labels, the audit log, names of booths."""

import json
import re
from typing import Any, Final

import pytest
import segno
from playwright.async_api import Browser, Page, expect

from tests.console.booth import Booth
from tests.console.chromium import DESK, SOON_MS, Visit, visit
from tests.console.test_sign_in import sign_in
from tests.fixtures.postgres_at import ADMIN_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

MARGIN: Final = 4


async def enter(visited: Visit, key: str, screen: str) -> None:
    """Sign in, and open a screen by its link in the menu."""
    await sign_in(visited, key)
    page = visited.page
    await page.get_by_role("button", name="Menu").click()
    await page.locator("dialog.menu").get_by_role("link", name=screen).click()
    await page.get_by_role("heading", name=screen, level=1).wait_for()


async def make_key(page: Page, name: str, role: str) -> str:
    """Make a key, and return it as the page shows it."""
    await page.get_by_text("Make a key").click()
    await page.get_by_label("Whose").fill(name)
    await page.get_by_label("Role").select_option(role)
    await page.get_by_role("button", name="Make the key").click()
    shown = page.locator("dialog.made[open] input")
    await expect(shown).not_to_have_value("", timeout=SOON_MS)
    return await shown.input_value()


async def test_a_key_that_is_made_here_signs_in_and_is_nowhere_afterwards(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, booth.guarded_url, viewport=DESK) as visited:
        page = visited.page
        await enter(visited, ADMIN_KEY, "People and keys")
        key = await make_key(page, "dora", "attendant")
        secret = key.split("_", 2)[2]  # which may have one in it
        assert secret
        await page.get_by_role("button", name="Done: hide it").click()
        await page.locator(".card", has_text="dora").get_by_text("attendant").wait_for()
        everything = "[document.documentElement.outerHTML, location.href]"
        inputs = "[...document.querySelectorAll('input')].map(each => each.value)"
        kept = "[{...localStorage}, {...sessionStorage}]"
        for place in (everything, inputs, kept):
            assert secret not in json.dumps(await page.evaluate(place)), place
        assert not any(secret in each for each in visited.asked)
    assert secret not in booth.guarded.process.log_text()
    async with visit(browser, booth.guarded_url) as visited:
        await sign_in(visited, key)
        await visited.wall()


async def test_a_key_is_revoked_once_one_is_sure(browser: Browser, booth: Booth) -> None:
    key = await booth.key_of("emil", "viewer")
    async with visit(browser, booth.guarded_url) as visited:
        page = visited.page
        await enter(visited, ADMIN_KEY, "People and keys")
        revoke = page.get_by_role("button", name="Revoke the key of emil")
        await revoke.click()
        await page.get_by_role("button", name="Cancel").click()
        await page.locator("dialog.revoke[open]").wait_for(state="hidden")
        assert (await booth.send("GET", f"/keys/{key['id']}"))["revoked_at"] is None
        # The focus is where it was: the keyboard goes on from there.
        await page.keyboard.press("Enter")
        await page.locator("dialog.revoke").get_by_role("button", name="Revoke").click()
        await revoke.wait_for(state="detached")
        assert (await booth.send("GET", f"/keys/{key['id']}"))["revoked_at"] is not None
        await page.get_by_text("Keys that are over").click()
        await page.locator(".lines", has_text="emil").wait_for()


def drawn(path: str, width: int) -> list[str]:
    """Return the rows of a QR code that a page draws, without its margin."""
    rows = [["0"] * width for _ in range(width)]
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        for column in range(int(x), int(x) + int(length)):
            rows[int(y)][column] = "1"
    return ["".join(row[MARGIN : width - MARGIN]) for row in rows[MARGIN : width - MARGIN]]


async def test_a_code_is_drawn_as_what_a_camera_opens_once(browser: Browser, booth: Booth) -> None:
    await booth.key_of("frida", "operator")
    async with visit(browser, booth.guarded_url) as visited:
        page = visited.page
        await enter(visited, ADMIN_KEY, "People and keys")
        async with page.expect_response("**/session/codes") as answered:
            await page.get_by_role("button", name="Sign in a phone as frida").click()
        made = await (await answered.value).json()
        await page.locator("dialog.code[open] svg.qr").wait_for()
        path = await page.locator("svg.qr path").get_attribute("d") or ""
        box = (await page.locator("svg.qr").get_attribute("viewBox") or "").split()
        address = f"{booth.guarded_url}#code={made['code']}"
        code = segno.make_qr(address, error="m")
        expected = ["".join("01"[each] for each in row) for row in code.matrix]
        assert drawn(path, int(box[2])) == expected
        left = await page.locator("dialog.code [role=timer]").inner_text()
        assert re.fullmatch(r"Good for (4:[0-5]\d|5:00)", left), left
        # This address leads nowhere from a phone, and it is said.
        await visited.said("No phone will find this", "dialog.code .warning")
        await page.locator("dialog.code").get_by_role("button", name="Close").click()
        await page.locator("svg.qr").wait_for(state="detached")
        assert made["code"] not in await page.content()
        assert not any(made["code"] in each for each in visited.asked)
    assert made["code"] not in booth.guarded.process.log_text()
    async with visit(browser, address) as visited:
        await visited.wall()
    async with visit(browser, address, may_fail=True) as visited:
        await visited.said("not good any more", "[role=alert]")


async def test_a_key_of_a_booth_or_of_a_smaller_role_has_only_its_own_screens(
    browser: Browser, booth: Booth
) -> None:
    everyone = {"Who did what", "Health of the hub"}
    for name, role, own, screens in (
        ("gina", "viewer", None, everyone),
        ("hugo", "operator", None, {*everyone, "Print labels", "Import", "Name booths"}),
        ("ida", "operator", "camping", {"Who did what", "Print labels"}),
    ):
        key = await booth.key_of(name, role, **({"booth": own} if own else {}))
        async with visit(browser, booth.guarded_url) as visited:
            page = visited.page
            await sign_in(visited, key["key"])
            await page.get_by_role("button", name="Menu").click()
            links = page.locator("dialog.menu").get_by_role("link")
            await links.first.wait_for()
            shown = {text.strip() for text in await links.all_inner_texts()}
            office = {*everyone, "Print labels", "Import", "Name booths", "People and keys"}
            assert shown & office == screens, name
            # Who knows the address gets no further.
            await page.goto(f"{booth.guarded_url}#/people")
            await visited.wall()
            if own:
                await page.goto(f"{booth.guarded_url}#/audit")
                await page.locator(".lines li").first.wait_for()
                told = await page.locator("main").inner_text()
                assert "c-tent-1" in told
                assert "left" not in told


ROWS: Final = """kind,id,label,booth,widget
charger,x1,Front 1,camping,
charger,c-tent-1,Tent 1,,
charger,x!,Front 2,,
charger,x3,Front 3,,w-left-1
charger,x4,Front 4,nowhere,
charger,x1,Front 1 again,,
"""


async def choose(visited: Visit, text: str, name: str = "devices.csv") -> None:
    await visited.page.get_by_label("File", exact=True).set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    )


async def chargers(booth: Booth) -> list[str]:
    """Return the ids of those that this file registers."""
    found = await booth.send("GET", "/chargers?q=Front&limit=1000")
    return sorted(each["id"] for each in found["items"])


async def test_each_refused_row_is_shown_and_nothing_changes_until_it_is_confirmed(
    browser: Browser, booth: Booth
) -> None:
    address = f"{booth.url}#/import"
    async with visit(browser, address, viewport=DESK, may_fail=True) as visited:
        page = visited.page
        await choose(visited, ROWS)
        await page.get_by_role("heading", name="4 mistakes").wait_for()
        rows = await page.locator(".refused tbody tr").all_inner_texts()
        said = [re.split(r"\s*\t\s*", row) for row in rows]
        assert [(line, column) for line, column, _ in said] == [
            *(("4", "id"), ("5", "widget"), ("6", "booth"), ("7", "id"))
        ]
        reasons = [reason for *_, reason in said]
        assert reasons[0].startswith("This cannot be an id")
        assert reasons[1:] == [
            "w-left-1 is paired with c-left-1",
            "There is no booth nowhere",
            "x1 is on line 2 already",
        ]
        assert await page.get_by_role("button", name="Import").count() == 0
        assert await chargers(booth) == []
        good = "".join(line for line in ROWS.splitlines(keepends=True) if "x!" not in line)
        good = (
            good.replace(",,w-left-1", ",,").replace("nowhere", "").replace("x1,Front 1 a", "x5,A")
        )
        await choose(visited, good)
        go = page.get_by_role("button", name="Import 5 rows")
        await go.wait_for()
        outcomes = await page.locator("tbody tr").all_inner_texts()
        assert [outcome.split("\t")[-1].strip() for outcome in outcomes] == [
            *("new", "changed", "new", "new", "new")
        ]
        await page.get_by_role("button", name="Changed").click()
        await page.locator("tbody tr").nth(1).wait_for(state="detached")
        assert await page.locator("tbody th").all_inner_texts() == ["c-tent-1"]
        assert await chargers(booth) == [], "it was only looked at"
        await go.click()
        await visited.said("5 rows imported", "[role=status]")
        assert await chargers(booth) == ["x1", "x3", "x4"]
        for charger in ("x1", "x3", "x4", "x5"):
            await booth.send("DELETE", f"/chargers/{charger}")
        await booth.send("PATCH", "/chargers/c-tent-1", {"booth": "camping"})


async def test_a_large_file_does_not_freeze_the_page(browser: Browser, booth: Booth) -> None:
    count = 50_000
    outcomes = [
        {"line": line, "kind": "charger", "id": f"c{line}", "device": "created"}
        for line in range(2, count + 2)
    ]
    found = {"outcomes": outcomes, "rows": count, "created": count}
    others = dict.fromkeys(("updated", "unchanged", "paired", "secrets", "similar"), 0)
    body = json.dumps(found | others)
    async with visit(browser, f"{booth.url}#/import") as visited:
        page = visited.page

        async def answer(route: Any) -> None:
            await route.fulfill(body=body, content_type="application/json")

        await page.route("**/import?dry_run=true*", answer)
        await choose(visited, "kind,id\n")
        await page.get_by_role("button", name="Import 50,000 rows").wait_for()
        assert await page.locator("tbody tr").count() == 200
        await page.get_by_role("button", name="Show more").click()
        await page.locator("tbody tr").nth(399).wait_for()
        assert await page.evaluate("document.querySelectorAll('*').length") < 5000


async def test_labels_open_as_the_hubs_pages_also_with_a_session(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, booth.guarded_url) as visited:
        page = visited.page
        await enter(visited, ADMIN_KEY, "Print labels")
        await visited.said("No phone will find this address", ".warning")
        address = page.get_by_label("Address of the hub")
        await address.fill("hub")
        await visited.said("An address looks like", ".warning")
        await address.fill("http://192.168.1.5:3300")
        await page.get_by_label("Only these ids").fill("c-left-2, c-tent-1 c-left-1")
        await page.locator("main").get_by_label("Booth").select_option("Main stage")
        async with page.context.expect_page() as opened:
            await page.get_by_role("link", name="Open the labels").click()
        labels = await opened.value
        await labels.locator("h2").first.wait_for()
        assert await labels.locator("h2").all_inner_texts() == ["c-left-1", "c-left-2"]


async def test_the_audit_log_is_told_in_sentences_by_device_and_by_person(
    browser: Browser, booth: Booth
) -> None:
    anton = await booth.key_of("anton-2", "attendant")
    charger = await booth.make("camping", "Log 1")
    rental = "/rentals/7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"
    wish = {"charger": charger, "ticket": "17"}
    await booth.send("PUT", rental, wish, anton["key"])
    await booth.send("PUT", f"{rental}/collection", None, anton["key"])
    async with visit(browser, f"{booth.url}#/audit/{charger}", viewport=DESK) as visited:
        page = visited.page
        await visited.said(f"paired {charger} with w-log-1", ".lines")
        await visited.said(f"registered {charger}", ".lines")
        assert "left" not in await page.locator(".lines").first.inner_text()
        await page.get_by_label("Device or rental").fill("")
        await page.get_by_label("Person").fill("anton-2")
        await page.get_by_label("About").select_option("Phones")
        await page.get_by_role("button", name="Show", exact=True).click()
        await visited.said("anton-2 took in the phone of ticket 17: c-log-1, widget w-log-1", "li")
        await visited.said("anton-2 gave back the phone of ticket 17 from c-log-1", "li")
        await page.locator(".lines li").nth(2).wait_for(state="detached")
        assert await page.locator(".lines li").count() == 2
        await page.get_by_role("link", name="only c-log-1").first.click()
        await visited.said(f"registered {charger}", ".lines")
        # A page of them, and the next one.
        await page.goto(f"{booth.url}#/audit")
        await page.locator(".lines li").nth(49).wait_for()
        await page.get_by_role("button", name="Show older").click()
        await page.locator(".lines li").nth(50).wait_for()
    async with visit(browser, f"{booth.url}#/audit/{charger}", locale="de-DE") as visited:
        await visited.said(f"hat {charger} mit w-log-1 gekoppelt", ".lines")
    for path in (f"/chargers/{charger}", "/widgets/w-log-1"):
        await booth.send("DELETE", path)


async def test_a_booth_is_made_and_renamed(browser: Browser, booth: Booth) -> None:
    async with visit(browser, f"{booth.url}#/booth-names", may_fail=True) as visited:
        page = visited.page
        await page.get_by_label("New booth").fill("Tower")
        await page.get_by_role("button", name="Make").click()
        await visited.said("The booth Tower is there", "[role=status]")
        await page.get_by_label("Name of tower", exact=True).fill("camping")
        await page.get_by_role("button", name="Save the name of Tower").click()
        await visited.said("The hub refused", "[role=alert]")
        await page.get_by_label("Name of tower", exact=True).fill("Old tower")
        await page.get_by_role("button", name="Save the name of Tower").click()
        await visited.said("It is called Old tower now", "[role=status]")
        names = await page.locator("header select option").all_inner_texts()
        assert "Old tower" in [name.strip() for name in names]
    assert (await booth.send("GET", "/booths/tower"))["name"] == "Old tower"
    await booth.send("DELETE", "/booths/tower")
