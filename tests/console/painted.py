"""When a light was stored in Redis, and when a wall had painted it."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from playwright.async_api import Page

from shared.bus.factory import open_subscriber
from shared.contract.doorbells import decode_status
from shared.contract.names import Names
from tests.fixtures.redis_at import RedisAt

PARTITIONS: Final = 64
KIND_OF: Final = {"charging": "charging", "charging80": "soon", "charged": "ready"}
LOOK: Final = """() => {
  globalThis.painted = [];
  const known = new Map();
  // What is in the page at the beginning of a frame was painted with the one before.
  function look() {
    for (const { dataset, classList } of document.querySelectorAll('.tile')) {
      const kind = classList.item(1);
      if (known.get(dataset.charger) === kind) continue;
      known.set(dataset.charger, kind);
      painted.push([dataset.charger, kind, Date.now() / 1000]);
    }
    requestAnimationFrame(look);
  }
  requestAnimationFrame(look);
}"""


class Change(NamedTuple):
    """A tile, or a light, became another one."""

    charger: str
    kind: str
    at: float
    """Seconds since 1970."""


@dataclass(eq=False)
class Stored:
    """All lights that became another one since it listens; a `shared.bus.subscriber.Handler`."""

    changes: list[Change] = field(default_factory=list)
    listens: asyncio.Event = field(default_factory=asyncio.Event)

    def on_message(self, _: str, payload: bytes) -> None:
        status = decode_status(payload)
        self.changes.append(Change(status.charger, KIND_OF[status.data.status], time.time()))

    def on_confirmed(self, _: list[str]) -> None:
        self.listens.set()


@asynccontextmanager
async def storing(redis_url: str, *, cluster: bool) -> AsyncIterator[Stored]:
    """Listen to what routers say in the moment in which they store a light."""
    stored = Stored()
    subscriber = open_subscriber(RedisAt(redis_url, cluster), "test", random.Random())
    subscriber.subscribe([tag.transitions for tag in Names(PARTITIONS).widgets], stored)
    running = asyncio.create_task(subscriber.run(), name="hear lights")
    try:
        async with asyncio.timeout(30):
            while not subscriber.connected:
                await stored.listens.wait()
                stored.listens.clear()
        yield stored
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def painted_by(page: Page) -> list[Change]:
    """Return all that a page has painted since `LOOK` runs in it."""
    return [Change(*each) for each in await page.evaluate("painted")]


def waits(stored: Sequence[Change], painted: Sequence[Change]) -> list[float]:
    """Return how long each light took from Redis to the wall, in seconds.

    Raises:
        AssertionError: One was never painted.
    """
    found = []
    for charger, kind, at in stored:
        # Clocks of two processes of a machine are one, but for how finely a browser tells it.
        seen = (
            each.at - at
            for each in painted
            if (each.charger, each.kind) == (charger, kind) and each.at > at - 0.01
        )
        wait = next(seen, None)
        assert wait is not None, f"{charger} was never {kind} after {at}"
        found.append(wait)
    return found


def said_of(waits: Sequence[float]) -> str:
    """Return what people want to know of some waits."""
    if len(waits) < 2:
        return f"{len(waits)} lights"
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    p50, p99, longest = cuts[49], cuts[98], max(waits)
    return f"{len(waits)} lights: p50 {p50:.2f} s, p99 {p99:.2f} s, longest {longest:.2f} s"
