"""A fleet of simulated pairs against the hub of a test, whose lights are judged."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from services.simulator.devices.phone import Phone
from services.simulator.fleet.fleet import Fleet, Hub, Plan
from services.simulator.fleet.pairs import Pair, numbered_pairs
from services.simulator.judging.thresholds import parse_thresholds
from tests.fixtures.hub import HOST, Gateway, StartHub
from tests.fixtures.hub import Hub as Running
from tools.servers.ports import free_port

SETTLE_SECONDS = 5.0
"""What the hub promises: right within this time after a fault."""


class Doors(Protocol):
    """Where devices connect."""

    @property
    def chargers_url(self) -> str:
        """Where chargers do."""

    @property
    def widgets_url(self) -> str:
        """Where widgets do."""


class GatewayGroup:
    """Gateways of a hub that share two ports, as replicas behind a load balancer do."""

    def __init__(self, running: Running, settings: Mapping[str, str] | None = None) -> None:
        self._running = running
        self._ports = {
            "CHARGELIGHT_GATEWAY_CHARGER_PORT": str(free_port()),
            "CHARGELIGHT_GATEWAY_WIDGET_PORT": str(free_port()),
            "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
            **(settings or {}),
        }
        self.chargers_url = f"ws://{HOST}:{self._ports['CHARGELIGHT_GATEWAY_CHARGER_PORT']}"
        self.widgets_url = f"ws://{HOST}:{self._ports['CHARGELIGHT_GATEWAY_WIDGET_PORT']}"

    def start(self) -> Gateway:
        """Start one more gateway on the same ports; it is not waited for."""
        return self._running.start_gateway(self._ports)


async def start_group(hub: StartHub, redis_url: str | None = None) -> tuple[Running, GatewayGroup]:
    """Start a hub of three gateways on the same ports, two routers and a registry."""
    running = await hub(gateways=0, routers=2, redis_url=redis_url)
    group = GatewayGroup(running)
    for _ in range(3):
        group.start()
    await running.ready()
    return running, group


@contextlib.asynccontextmanager
async def fleet(
    running: Running,
    group: Doors,
    pairs: int,
    *,
    more: Sequence[Plan] = (),
    interval: float = 0.1,
) -> AsyncIterator[Fleet]:
    """Register so many pairs, run them, and wait until every light is right."""
    ids = numbered_pairs("e2e", pairs)
    await running.register_many((pair.charger, pair.widget) for pair in ids)
    rng = random.Random(20)
    hub = Hub(
        group.chargers_url,
        group.widgets_url,
        parse_thresholds("charging=0,charging80=80,charged=100"),
        SETTLE_SECONDS,
    )
    made = Fleet(
        [*more, *(_plan(pair, rng, interval) for pair in ids)],
        hub,
        connecting_rate=50,
        rng=rng,
    )
    task = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(30 + pairs / 20):
            while made.take_figures().lights_right < len(made.pairs):  # noqa: ASYNC110 - judge_lights by looking
                await asyncio.sleep(0.1)
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def judge_lights(made: Fleet) -> None:
    """Let the fleet fall silent; every light must then be right, and none was wrong before.

    The last readings before a quiet time are those that nothing later would heal.
    """
    made.stop_readings()
    async with asyncio.timeout(30):
        await made.wait_until_settled()
    wrong = [f"{pair.plan.pair}: {pair.verdict}" for pair in made.pairs_not_right()]
    assert not wrong, wrong
    assert made.total_figures().lights_wrong == 0
    assert made.total_figures().counts.wrong_lights == 0


def _plan(pair: Pair, rng: random.Random, interval: float) -> Plan:
    # Usually ten readings a second through all levels, a new phone every two seconds: the
    # lights change all the time, so that an old one would be seen.
    phone = Phone(level=rng.randrange(100), step=7, rest=2, arrive=lambda: rng.randrange(60))
    return Plan(pair, phone, interval)
