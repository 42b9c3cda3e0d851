"""How long a reading takes from its charger's socket to its widget's.

Measured beside it, in the same rounds: a raw Redis publish reaching a raw
subscriber. Two of those are the least a reading can take, so the ratio says what
gateway, router and gateway add, whatever the machine is busy with.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.client import connect

from deploy.servers.postgres_open import open_postgres
from deploy.servers.redis_open import open_redis
from deploy.servers.surroundings import Surroundings
from tests.fixtures.hub import Hub

WARM_UP = 50


async def measure(rounds: int, messages: int) -> dict[str, Any]:
    """Start a hub (two gateways, one router) and measure; times are medians, in milliseconds."""
    surroundings = Surroundings.of_tests()
    with (
        closing(open_redis(surroundings)) as redis,
        closing(open_postgres(surroundings)) as postgres,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = {
            "CHARGELIGHT_REDIS_URL": redis.url,
            "CHARGELIGHT_POSTGRES_DSN": postgres.dsn,
            "CHARGELIGHT_LOG_LEVEL": "warning",
            # One charger sends what a thousand would: by default it would be slowed down.
            "CHARGELIGHT_GATEWAY_BYTES_PER_SECOND": "100000000",
            "CHARGELIGHT_GATEWAY_BURST_BYTES": "100000000",
        }
        hub = Hub(settings, Path(folder), lambda _process: None)
        hub.start_registry()
        hub.start_router()
        for _ in range(2):
            hub.start_gateway()
        try:
            await hub.ready()
            await hub.register(("c1234", "wABCD"))
            raw, relay = await _rounds(hub, redis.url, rounds, messages)
        finally:
            await hub.close()
    results: dict[str, Any] = {
        "redis publish to subscriber p50 ms": _median(raw, 0.50),
        "relay p50 ms": _median(relay, 0.50),
        "relay p99 ms": _median(relay, 0.99),
        "rounds x messages": f"{rounds} x {messages}",
        "redis": redis.description,
    }
    p50 = results["relay p50 ms"] / results["redis publish to subscriber p50 ms"]
    results["relay p50 / redis p50"] = round(p50, 2)
    return results


Rounds = list[list[float]]


async def _rounds(hub: Hub, redis_url: str, rounds: int, messages: int) -> tuple[Rounds, Rounds]:
    """Take turns: a round of one, a round of the other."""
    first, second = hub.gateways
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Redis.from_url(redis_url))
        subscriber = await stack.enter_async_context(client.pubsub())
        await subscriber.subscribe("benchmark")
        await subscriber.get_message(timeout=5)
        widget = await stack.enter_async_context(connect(second.widget_url("wABCD")))
        charger = await stack.enter_async_context(connect(first.charger_url("c1234")))

        async def through_redis(number: int) -> None:
            await client.publish("benchmark", str(number))
            await subscriber.get_message(timeout=5)

        async def through_hub(number: int) -> None:
            await charger.send(f'{{"event":"StateOfCharge","data":{{"soc":{number % 101}}}}}')
            await widget.recv()

        for way in (through_redis, through_hub):
            await _timed(way, WARM_UP)
        raw: Rounds = []
        relay: Rounds = []
        for _ in range(rounds):
            raw.append(await _timed(through_redis, messages))
            relay.append(await _timed(through_hub, messages))
        return raw, relay


async def _timed(way: Callable[[int], Awaitable[None]], messages: int) -> list[float]:
    """Send messages one after the other; return how long each took, in seconds."""
    took: list[float] = []
    for number in range(messages):
        started = time.perf_counter()
        async with asyncio.timeout(10):
            await way(number)
        took.append(time.perf_counter() - started)
    return took


def _median(rounds: Rounds, share: float) -> float:
    """Return the median over the rounds of a quantile within each, in milliseconds."""
    quantiles = [sorted(times)[int(share * (len(times) - 1))] for times in rounds]
    return round(statistics.median(quantiles) * 1000, 3)
