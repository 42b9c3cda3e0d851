"""Nobody needs to see colours: in grey, too, each state has a shape and a word of its own."""

import itertools
import json
from base64 import b64encode
from typing import Any, Final

import pytest
from playwright.async_api import Browser

from services.registry.feed.tile import Tile
from services.registry.feed.tiles import Tiles
from tests.console.chromium import visit
from tests.console.recorded import Player, Recording, playing, snapshot_of, tile_of

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(120)]

STATES: Final[dict[str, dict[str, Any]]] = {
    "charging": {},
    "soon": {"light": "charging80"},
    "ready": {"light": "charged"},
    "dark": {"light": None},
    "offline": {"online": False},
}
"""What a tile says of each; all else of them is the same."""
LEAST_SHARE: Final = 0.05
"""Of a shape's pixels that must be clearly lighter or darker than those of another one."""
CLEARLY: Final = 64
"""Of 255."""
SIDE: Final = 24
PIXELS: Final = """async ([pictures, side]) => {
  const found = [];
  for (const picture of pictures) {
    const image = new Image();
    image.src = `data:image/png;base64,${picture}`;
    await image.decode();
    const context = new OffscreenCanvas(side, side).getContext('2d');
    context.drawImage(image, 0, 0, side, side);
    found.push([...context.getImageData(0, 0, side, side).data]);
  }
  return JSON.stringify(found);
}"""


def tile_in(state: str, number: int) -> Tile:
    return Tile(**{**tile_of(number, 50).model_dump(), **STATES[state]})


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_without_colours_each_state_has_its_own_shape_and_word(
    browser: Browser, scheme: str
) -> None:
    tiles = Tiles()
    for number, state in enumerate(STATES):
        tiles.put(tile_in(state, number))
    snapshot = snapshot_of(tiles)
    async with (
        playing(snapshot, Player(Recording(snapshot, ())).play) as url,
        visit(browser, f"{url}#/wall", color_scheme=scheme) as visited,
    ):
        page = visited.page
        session = await page.context.new_cdp_session(page)
        await session.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
        words, pictures = [], []
        for state in STATES:
            tile = page.locator(f".tile.{state}")
            words.append(await tile.locator(".word").inner_text())
            pictures.append(b64encode(await tile.locator(".word svg").screenshot()).decode())
        await visited.picture(f"grey-{scheme}")
        blank = await page.context.new_page()  # the console's policy takes no such pictures
        shapes = json.loads(await blank.evaluate(PIXELS, [pictures, SIDE]))
    assert len({*words}) == len(STATES), words
    greys = dict(zip(STATES, (grey(each) for each in shapes), strict=True))
    for one, other in itertools.combinations(STATES, 2):
        pairs = zip(greys[one], greys[other], strict=True)
        clearly = [abs(a - b) >= CLEARLY for a, b in pairs]
        assert sum(clearly) >= LEAST_SHARE * len(clearly), (one, other)


def grey(pixels: list[int]) -> list[int]:
    """Return how light each pixel is, of a picture that has no colour."""
    found = []
    for red, green, blue in zip(pixels[::4], pixels[1::4], pixels[2::4], strict=True):
        assert max(red, green, blue) - min(red, green, blue) <= 3
        found.append(green)
    return found
