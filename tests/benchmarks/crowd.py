"""More connections than one process may have: several gateways, each with its own generator."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tests.benchmarks.generator.control import Generator, running_generator
from tests.benchmarks.stage import Stage
from tests.fixtures.hub import Gateway

MOST_CONNECTIONS: Final = 13_000
"""Of one gateway, and of one generator; a process here may open 20,000 files."""


@dataclass(frozen=True, slots=True)
class Group:
    """Devices of one kind, with the gateway that they connect to."""

    kind: str
    gateway: Gateway
    generator: Generator
    first: int
    count: int
    source: str

    async def connect(self) -> dict[str, Any]:
        port = getattr(self.gateway, f"{self.kind}_port")
        return await self.generator.connect(
            self.kind, port, self.count, first=self.first, source=self.source
        )


@asynccontextmanager
async def crowd(stage: Stage, pairs: int, *, like: int | None = None) -> AsyncIterator[list[Group]]:
    """Start gateways and generators for so many pairs, or as many as ``like`` so many need."""
    async with AsyncExitStack() as stack:
        groups: list[Group] = []
        for kind in ("charger", "widget"):
            for first, count in _parts(pairs, like or pairs):
                generator = await stack.enter_async_context(running_generator())
                gateway = stage.hub.start_gateway()
                stack.push_async_callback(gateway.process.terminate)
                source = f"127.0.0.{10 + len(groups)}"
                groups.append(Group(kind, gateway, generator, first, count, source))
        await stage.hub.ready()
        yield groups


async def connect_all(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return await asyncio.gather(*(group.connect() for group in groups))


async def at_rate(groups: Sequence[Group], rate: float, seconds: float) -> int:
    """Have all chargers send so many readings per second together, and all others listen.

    Returns:
        How many readings were sent; at a rate of 0 everybody rests.

    Raises:
        RuntimeError: Connections were lost.
    """
    senders = [group for group in groups if rate and group.kind == "charger"]
    results = await asyncio.gather(
        *(
            group.generator.do("send", rate=rate / len(senders), seconds=seconds)
            if group in senders
            else group.generator.do("rest", seconds=seconds)
            for group in groups
        )
    )
    for result in results:
        if result["lost"]:
            raise RuntimeError(f"connections were lost: {result}")
    return sum(result.get("sent", 0) for result in results)


def _parts(count: int, like: int) -> list[tuple[int, int]]:
    """Return the first number and the count of each group, about equal."""
    groups = math.ceil(like / MOST_CONNECTIONS)
    bounds = [round(count * at / groups) for at in range(groups + 1)]
    return [(low, high - low) for low, high in pairwise(bounds)]
