"""What a wall paints of a feed that repeats itself, is out of order, and begins again."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, NamedTuple

import pytest
from playwright.async_api import Browser, Route

from services.registry.console.files import FOLDER
from services.registry.feed.encoded import encode
from services.registry.feed.tiles import Change, Tiles
from tests.console.chromium import DESK, SOON_MS, visit
from tests.console.recorded import COMMENT, playing, snapshot_of, tile_of

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]

CHARGERS: Final = 30
CHANGES: Final = 900
A, B = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
"""Of two registries."""
PAUSE_SECONDS: Final = 0.02
"""So that a browser paints in between."""
TOGETHER: Final = 15
"""So many changes are said at once."""
OUT_OF_ORDER: Final = 60
"""A change may come so many later than it should."""
WATCH: Final = """() => {
  globalThis.painted = { changes: 0, older: [] };
  const known = new Map();
  function look() {
    for (const tile of document.querySelectorAll('.tile')) {
      const level = parseInt(tile.querySelector('.level').textContent);
      const before = known.get(tile.dataset.charger) ?? 0;
      if (level < before) painted.older.push([tile.dataset.charger, before, level]);
      if (level !== before) painted.changes += 1;
      known.set(tile.dataset.charger, Math.max(level, before));
    }
    requestAnimationFrame(look);
  }
  requestAnimationFrame(look);
}"""
RIGHT_ORDER: Final = "if (known && !isNext(known, tile, at)) return;"


RESET: Final = b"event: reset\ndata: {}\n\n"


class Part(NamedTuple):
    """What one stream says: changes from one on, up to another one."""

    feed: str
    begin: int
    end: int
    known: int = 0
    """What a registry has that begins again; 0: it goes on."""

    @property
    def is_new(self) -> bool:
        return bool(self.known)


PARTS: Final = (
    Part(A, 0, 300),
    Part(B, 200, 600, known=300),
    Part(B, 450, 750),
    Part(A, 650, CHANGES, known=750),
)
"""Of a registry, of another one, twice, and of the first one; each repeats what was said before."""


class Story(NamedTuple):
    """Phones that only get fuller."""

    snapshot: bytes
    changes: list[Change]

    def now(self, number: int) -> list[Change]:
        """Return each charger's newest change of the first ones, as a registry has it then."""
        return list({each.charger: each for each in self.changes[:number]}.values())


def story(chance: random.Random) -> Story:
    tiles = Tiles()
    levels = [1] * CHARGERS
    for number in range(CHARGERS):
        tiles.put(tile_of(number, 1))
    snapshot = snapshot_of(tiles, A)
    changes: list[Change] = []
    while len(changes) < CHANGES:
        number = chance.randrange(CHARGERS)
        levels[number] += 1
        tiles.put(tile_of(number, levels[number], sequence=levels[number]))
        changes += tiles.after(tiles.number - 1, None, 1).changes
    return Story(snapshot, changes)


def event_of(change: Change, feed: str) -> bytes:
    return b"".join(encode([change], feed))


def disordered(changes: Sequence[Change], feed: str, chance: random.Random) -> Iterator[bytes]:
    """Yield changes as events, each somewhat late, and a third of them twice."""
    twice = [each for each in changes if chance.random() < 1 / 3]
    late = [(each.number + chance.uniform(0, OUT_OF_ORDER), each) for each in [*changes, *twice]]
    late.sort()
    for begin in range(0, len(late), TOGETHER):
        yield b"".join(event_of(each, feed) for _, each in late[begin : begin + TOGETHER])


async def told(story: Story, part: Part, chance: random.Random) -> AsyncIterator[bytes]:
    """Say what one stream after the other does."""
    if part.is_new:
        now = b"".join(event_of(each, part.feed) for each in story.now(part.known))
        yield RESET + now
    for events in disordered(story.changes[part.begin : part.end], part.feed, chance):
        yield events
        await asyncio.sleep(PAUSE_SECONDS)


async def without_order(route: Route) -> None:
    """Answer with the module that keeps the order, without what does it."""
    body = (FOLDER / "feed" / "tiles.js").read_text("utf-8")
    assert RIGHT_ORDER in body
    body = body.replace(RIGHT_ORDER, "")
    await route.fulfill(body=body, content_type="text/javascript")


async def painted_of(browser: Browser, story: Story, *, is_broken: bool) -> dict[str, Any]:
    """Have a wall hear it all; return what it painted."""
    chance = random.Random(7)
    parts = [*PARTS]
    is_over = asyncio.Event()

    async def play(_: str | None) -> AsyncIterator[bytes]:
        async for events in told(story, parts.pop(0), chance):
            yield events
        if parts:
            return
        is_over.set()
        while True:
            yield COMMENT
            await asyncio.sleep(1)

    async with (
        playing(story.snapshot, play) as url,
        visit(browser, f"{url}#/booths", viewport=DESK) as visited,
    ):
        page = visited.page
        if is_broken:
            await page.route("**/feed/tiles.js", without_order)
            await page.reload()
        await page.evaluate(WATCH)
        await page.goto(f"{url}#/wall")
        async with asyncio.timeout(SOON_MS / 1000):
            await is_over.wait()
        for change in [] if is_broken else story.now(CHANGES):
            level = int(json.loads(change.text or "")["level"])
            await visited.tile(change.charger, "charging", f"{level}%")
        painted: dict[str, Any] = await page.evaluate("painted")
        return painted


async def test_no_older_state_is_painted_after_a_newer_one(browser: Browser) -> None:
    painted = await painted_of(browser, story(random.Random(1)), is_broken=False)
    assert painted["older"] == []
    assert painted["changes"] > CHANGES / 4, "it was watched"


async def test_without_what_keeps_the_order_this_would_be_noticed(browser: Browser) -> None:
    painted = await painted_of(browser, story(random.Random(1)), is_broken=True)
    assert painted["older"] != []
