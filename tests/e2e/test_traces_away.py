"""A receiver of traces that takes connections and never answers: no growth, no late light.

Ten seconds by default; ``make traces-away`` has it away for ten minutes. That all processes
follow SIGTERM all the same is part of the fixture `hub`.
"""

import asyncio
import itertools
import os
import socket
import time
from collections.abc import Iterator

import pytest

from tests.benchmarks.memory import resident_bytes
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.integration.hub.booth import CHARGED, CHARGING, reading, received

SECONDS = float(os.environ.get("CHARGELIGHT_TEST_TRACES", "10"))
PAIRS = 10
QUEUE_FULL = 2500
"""After so many readings each process has more spans than may wait."""
LATE_SECONDS = 5.0
"""No light may take longer, whatever happens; usual are milliseconds."""
MOST_GROWTH = 8 * 1024 * 1024
"""Bytes. If all spans were kept, ten seconds would cost more than that."""


@pytest.fixture
def deaf() -> Iterator[str]:
    """A receiver to which everyone can connect, and which never reads."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Lights:
    """Pairs of which each reports again and again, and how long each light took."""

    def __init__(self, hub: Hub) -> None:
        self._gateway = hub.gateways[0]
        self.took: list[float] = []

    async def follow(self, number: int) -> None:
        """Have one charger report, and wait for its widget's light each time."""
        gateway = self._gateway
        async with (
            connect_device(gateway.widget_url(f"w{number}")) as widget,
            connect_device(gateway.charger_url(f"c{number}")) as charger,
        ):
            for level, light in itertools.cycle([(10, CHARGING), (100, CHARGED)]):
                sent = time.monotonic()
                await charger.send(reading(level))
                assert await received(widget) == light
                self.took.append(time.monotonic() - sent)
                await asyncio.sleep(0.02)

    async def until(self, count: int) -> None:
        """Return once there were so many lights."""
        async with asyncio.timeout(120):
            while len(self.took) < count:  # noqa: ASYNC110 - ten tasks add to it
                await asyncio.sleep(0.1)


def memory_of(hub: Hub) -> dict[str, int]:
    traced = [each.process for each in hub.gateways] + [each.process for each in hub.routers]
    return {process.name: resident_bytes(process.pid) for process in traced}


async def test_a_receiver_that_is_away_costs_no_memory_and_no_light(
    hub: StartHub, deaf: str
) -> None:
    settings = {"CHARGELIGHT_TRACES_URL": deaf, "CHARGELIGHT_TRACES_SAMPLE": "1"}
    running = await hub(settings=settings)
    await running.register(*((f"c{number}", f"w{number}") for number in range(PAIRS)))
    lights = Lights(running)
    following = [asyncio.create_task(lights.follow(n), name=f"pair {n}") for n in range(PAIRS)]
    try:
        await lights.until(QUEUE_FULL)
        before = memory_of(running)
        await asyncio.sleep(SECONDS)
        after = memory_of(running)
    finally:
        for task in following:
            task.cancel()
        ended = await asyncio.gather(*following, return_exceptions=True)
    assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []
    took = sorted(lights.took)
    slow = took[len(took) * 99 // 100]
    figures = f"{len(took)} lights, p99 {slow:.3f} s, slowest {took[-1]:.3f} s; {before} {after}"
    print(figures)  # noqa: T201 - `-s` shows what the long form found
    assert took[-1] < LATE_SECONDS
    for name, size in after.items():
        assert size - before[name] < MOST_GROWTH, name
