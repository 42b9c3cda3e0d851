"""Codes are read by the camera and in photos; where a camera may not be used, the page says why."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.console.booth import Booth
from tests.console.chromium import Visit, chromium, visit
from tests.console.desk import DONE, Pair, button, part
from tests.console.test_for_all import judge
from tests.console.video import photo_of, write_video

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

HAND_OVER: Final = "#/hand-over"
NAME: Final = "filmed"
LAN_NAME: Final = "hub"
"""By this name, the hub is not within the browser's own machine: without TLS it has no camera."""


def link_to(kind: str, device: str) -> str:
    return f"https://hub.example/console/#/{kind}/{device}"


@pytest_asyncio.fixture(loop_scope="package")
async def camera(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose camera sees the labels of a charger and of a widget."""
    film = tmp_path / "labels.y4m"
    write_video(film, link_to("charger", f"c-{NAME}"), link_to("widget", f"w-{NAME}"))
    async with chromium(
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
        f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1, MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ) as browser:
        yield browser


async def take_photo(visited: Visit, picture: bytes) -> None:
    file: Any = {"name": "label.png", "mimeType": "image/png", "buffer": picture}
    await visited.page.locator("#photo").set_input_files(file)


async def test_a_camera_reads_both_labels_and_three_taps_are_enough(
    camera: Browser, booth: Booth
) -> None:
    pair = await Pair(booth, NAME).register()
    async with visit(camera, f"{booth.url}#/wall", permissions=["camera"]) as visited:
        page = visited.page
        await page.locator(".tile").first.wait_for()
        await page.get_by_role("link", name="Hand over").click()
        await page.locator("#scan").wait_for()
        assert [each for each in visited.asked if "zxing" in each] == []
        await button(visited, "Camera").click()
        await part(visited, f"Desk {NAME}").wait_for()
        await part(visited, pair.widget).wait_for()
        await judge(visited, "hand-over-camera-390")
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        assert len([each for each in visited.asked if each.endswith(".wasm")]) == 1
        # From then on the camera is on at once, and the phone is collected with two taps.
        await page.locator(".bar").get_by_role("link", name="Collect").click()
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
        await button(visited, "Camera").click()
        await page.locator("video").wait_for(state="hidden")
    (rental,) = await pair.rentals()
    assert (rental["widget"], rental["collected_at"] is None) == (pair.widget, False)


async def test_a_photo_is_read_where_there_is_no_camera(browser: Browser, booth: Booth) -> None:
    pair = await Pair(booth, "photo").register()
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        await button(visited, "Camera").click()
        await visited.said("There is no camera", ".hint")
        await take_photo(visited, photo_of(link_to("charger", pair.charger)))
        await part(visited, "Desk photo").wait_for()
        await take_photo(visited, photo_of(pair.widget))
        await part(visited, pair.widget).wait_for()
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        await visited.page.locator(".bar").get_by_role("link", name="Collect").click()
        await take_photo(visited, photo_of(pair.widget))
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)


async def test_what_is_no_code_and_what_is_no_picture_is_said(
    browser: Browser, booth: Booth
) -> None:
    async with visit(browser, f"{booth.url}{HAND_OVER}") as visited:
        blank = b"\x89PNG"
        await take_photo(visited, blank)
        await visited.said("cannot be read", "[role=alert]")
        await visited.page.evaluate(
            """async () => {
                const canvas = new OffscreenCanvas(200, 200);
                canvas.getContext('2d').fillRect(0, 0, 200, 200);
                const files = new DataTransfer();
                files.items.add(new File([await canvas.convertToBlob()], 'dark.png'));
                const input = document.getElementById('photo');
                input.files = files.files;
                input.dispatchEvent(new Event('change'));
            }"""
        )
        await visited.said("no code in this photo", "[role=alert]")


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "without TLS"])
async def test_where_the_camera_is_not_allowed_the_page_says_why_and_all_else_works(
    camera: Browser, booth: Booth, *, is_refused: bool
) -> None:
    pair = await Pair(booth, "refused" if is_refused else "plain").register()
    url = booth.url if is_refused else booth.url.replace("127.0.0.1", LAN_NAME)
    # Who grants one thing by name refuses all others.
    options: Any = {"permissions": ["geolocation"]} if is_refused else {}
    async with visit(camera, f"{url}{HAND_OVER}", **options) as visited:
        page = visited.page
        if is_refused:
            await button(visited, "Camera").click()
            await visited.said("not allowed", ".hint")
        else:
            await visited.said("only with https", ".hint")
            assert await button(visited, "Camera").count() == 0
        await take_photo(visited, photo_of(pair.charger))
        await part(visited, pair.charger).wait_for()
        await page.locator("#scan").fill(link_to("widget", pair.widget))
        await page.locator("#scan").press("Enter")
        await part(visited, pair.widget).wait_for()
        await button(visited, "Hand over").click()
        await visited.said("Handed over", DONE)
        await page.goto(f"{url}#/collect/{pair.widget}")
        await button(visited, "Give back").click()
        await visited.said("Given back", DONE)
