"""The rounds of the benchmark of the wall, and its figures."""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from playwright.async_api import Browser, ViewportSize

from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.console.chromium import PHONE, chromium, path_of_chromium
from tests.console.frames import NOTE, SCROLL, Drawn, Tasks, slow_down, take, tracing
from tests.console.recorded import TICK_SECONDS, Player, Recording, playing, record

SCREEN: Final = ViewportSize(width=1920, height=1080)
_SLOWER: Final = 4
_PATIENCE_SECONDS: Final = 120.0
_LAST_SECONDS: Final = 0.5
"""For what was said last."""
_QUIET: Final = "phone, nothing changes"


@dataclass(frozen=True, slots=True)
class Scene:
    """How the wall is looked at."""

    viewport: ViewportSize
    scrolls: bool = False
    filter: str = "all"


SCENES: Final[Mapping[str, Scene]] = {
    _QUIET: Scene(PHONE),
    "phone": Scene(PHONE),
    "phone, scrolling": Scene(PHONE, scrolls=True),
    "phone, Ready": Scene(PHONE, filter="ready"),
    "large screen": Scene(SCREEN),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a run is."""

    chargers: int
    per_second: int
    seconds: float
    rounds: int

    @classmethod
    def of(cls, options: Options) -> Self:
        if options.quick:
            return cls(500, 100, 1.0, 1)
        return cls(options.connections or 10_000, 1_000, 10.0, options.rounds)

    def record(self, *, quiet: bool) -> Recording:
        ticks = round(self.seconds / TICK_SECONDS)
        return record(self.chargers, 0 if quiet else round(self.per_second * TICK_SECONDS), ticks)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a scene showed; times in ms."""

    opening: Tasks
    tasks: Tasks
    changing: Drawn
    painted: list[float]
    """How long it took from what the server sent to what is seen."""


async def measure(options: Options) -> Report:
    report = Report()
    if path_of_chromium() is None:
        report.note("console", "not measured: there is no Chromium on the PATH")
        return report
    sizes = Sizes.of(options)
    busy, quiet = sizes.record(quiet=False), sizes.record(quiet=True)
    found: dict[str, list[Shown]] = {name: [] for name in SCENES}
    async with chromium() as browser:
        for _ in range(sizes.rounds):
            for name, scene in SCENES.items():
                recording = quiet if name == _QUIET else busy
                found[name].append(await _show(browser, scene, recording))
    report.note("console browser", f"Chromium {browser.version}, {_SLOWER} times slower")
    for name, rounds in found.items():
        _add(report, f"console {name}:", rounds)
    return report


async def _show(browser: Browser, scene: Scene, recording: Recording) -> Shown:
    player = Player(recording)
    async with playing(recording.snapshot, player.play) as url:
        context = await browser.new_context(viewport=scene.viewport, locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(1000 * _PATIENCE_SECONDS)
        await page.add_init_script(NOTE)
        await slow_down(page, _SLOWER)
        async with tracing(browser, page) as opening:
            await page.goto(f"{url}#/wall")
            await page.locator(".tile").first.wait_for()
        if scene.filter != "all":
            await page.locator(f".filter.{scene.filter}").click()
        if scene.scrolls:
            await page.evaluate(SCROLL)
        await take(page)
        async with tracing(browser, page) as tasks:
            player.begin.set()
            async with asyncio.timeout(_PATIENCE_SECONDS + len(recording.ticks) * TICK_SECONDS):
                await player.is_over.wait()
            await asyncio.sleep(_LAST_SECONDS)
            changing = await take(page)
        await context.close()
    painted = [
        at - 1000 * player.said_at[tick]
        for tick, at in changing.seen.items()
        if tick in player.said_at
    ]
    return Shown(opening, tasks, changing, painted)


def _add(report: Report, title: str, rounds: Sequence[Shown]) -> None:
    changing = [each.changing for each in rounds]
    for percent in (50, 95, 99):
        frames = [_percentile(each.frames, percent) for each in changing]
        report.add(f"{title} frame p{percent}", frames, "ms")
    report.add(f"{title} longest task", [each.longest_task for each in changing], "ms")
    for name, tasks in (
        ("", [each.tasks for each in rounds]),
        (" while it opens", [each.opening for each in rounds]),
    ):
        report.add(f"{title} longest task, CPU{name}", [each.longest for each in tasks], "ms")
        report.add(f"{title} all tasks, CPU{name}", [sum(each.cpu) for each in tasks], "ms")
    report.add(f"{title} elements in the page", [float(each.nodes) for each in changing])
    if all(len(each.painted) > 1 for each in rounds):
        for percent in (50, 95):
            painted = [_percentile(each.painted, percent) for each in rounds]
            report.add(f"{title} sent to seen p{percent}", painted, "ms")


def _percentile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
