"""What a browser draws: each frame, and what took long, as the page itself sees it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, Page

NOTE: Final = """(() => {
  const noted = { frames: [], tasks: [], seen: {} };
  let last = performance.now();
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) noted.tasks.push(duration);
  }).observe({ type: 'longtask', buffered: true });
  // What is in the page at the beginning of a frame was painted with the one before.
  function look() {
    const now = performance.now();
    noted.frames.push(now - last);
    last = now;
    const ticket = document.querySelector('[data-charger="c00000"] .ticket')?.textContent;
    if (ticket) noted.seen[ticket] ??= performance.timeOrigin + now;
    requestAnimationFrame(look);
  }
  requestAnimationFrame(look);
  globalThis.noted = noted;
})()"""
"""Runs before anything else of a page does."""
TAKE: Final = """() => {
  const { frames, tasks, seen } = noted;
  Object.assign(noted, { frames: [], tasks: [] });
  return JSON.stringify({
    frames, tasks, seen, nodes: document.querySelectorAll('*').length,
  });
}"""
_TASKS: Final = "disabled-by-default-devtools.timeline"
SCROLL: Final = """() => {
  let step = 40;
  (function go() {
    const before = scrollY;
    scrollBy(0, step);
    if (scrollY === before) step = -step;
    requestAnimationFrame(go);
  })();
}"""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a page noted for a while; times in ms."""

    frames: list[float]
    """The time from each frame to the next."""
    tasks: list[float]
    """How long each task took that took longer than 50 ms."""
    seen: dict[str, float]
    """When each text was first seen on the first charger's ticket, since 1970."""
    nodes: int
    """Elements in the page."""

    @property
    def longest_task(self) -> float:
        return max(self.tasks, default=0.0)


async def slow_down(page: Page, times: int) -> None:
    """Have a page's processor be slower, as that of a cheap tablet is."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": times})


@dataclass(slots=True)
class Tasks:
    """The CPU time of each task of a page's main thread, in ms, that of being slow included.

    Where other programs have the processor meanwhile, that does not count.
    """

    cpu: list[float] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max(self.cpu, default=0.0)


@asynccontextmanager
async def tracing(browser: Browser, page: Page) -> AsyncIterator[Tasks]:
    """Trace a page while the context is open; its tasks are known afterwards."""
    tasks = Tasks()
    await browser.start_tracing(page=page, categories=[_TASKS])
    yield tasks
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    tasks.cpu = tasks_in(events)


def tasks_in(events: list[dict[str, Any]]) -> list[float]:
    """Return the CPU time of each task, in ms, of the page that was at work most.

    https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
    """
    found: dict[tuple[int, int], list[float]] = {}
    mains = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    for each in events:
        if each["name"] == "RunTask" and (thread := (each["pid"], each["tid"])) in mains:
            found.setdefault(thread, []).append(each.get("tdur", 0) / 1000)
    return max(found.values(), key=sum, default=[])


async def take(page: Page) -> Drawn:
    """Return what a page noted since this was last called."""
    found: dict[str, Any] = json.loads(await page.evaluate(TAKE))
    return Drawn(**found)
