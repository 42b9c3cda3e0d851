"""What lies between: connections that are cut, late, hang, or lead to another server."""

import asyncio
import contextlib
import time
from typing import Final

from services.simulator.devices.connection import SILENCE_SECONDS
from tests.faults.booth import Booth
from tests.faults.rows import handovers
from tests.fixtures.fault_proxy import FaultProxy, Mode
from tests.fixtures.redis_at import address_of
from tools.servers.redis.embedded import EmbeddedRedis

OFFLINE_SECONDS: Final = 30.0
"""In which the hub must notice a connection that has fallen silent."""

HANGING_SECONDS: Final = 15.0
"""In which a service must give up a connection to Redis that hangs."""

OVERFLOW: Final = "normal 0 0 0 replica 256mb 64mb 60 pubsub 1mb 0 0"
FLOOD: Final = "for _ = 1, 400 do redis.call('PUBLISH', ARGV[1], string.rep('x', 8000)) end"
"""3 MB in one script, so that none of it is sent meanwhile, in pieces that Valkey copies: of a
large one it keeps only a reference, which does not count for the limit."""


# Between a service and Redis.


async def cut_gateway_from_redis(booth: Booth) -> None:
    cable = booth.cables[booth.some_gateway().process.name]
    async with booth.fault("gateway cut from Redis"):
        await _break_cable(booth, cable, booth.seconds(10))


async def cut_router_from_redis(booth: Booth) -> None:
    """Long enough for its lease: what it wrote may arrive when another one owns its partitions."""
    cable = booth.cables[booth.some_router().process.name]
    async with booth.fault("router cut from Redis"):
        await _break_cable(booth, cable, booth.seconds(5))


async def slow_registry_down(booth: Booth) -> None:
    """Hand chargers over while the registry's way to Redis is long: in effect within 5 s.

    Within 12 s if a round trip takes 0.8 s: ten of them make a full projection, which comes every
    few minutes and first.
    """
    one_way, within = {"30 ms": (0.03, 5.0), "400 ms": (0.4, 12.0)}[booth.draw(["30 ms", "400 ms"])]
    await handovers.arrive(booth)
    cable = booth.cables["registry-1"]
    slow_until = time.monotonic() + booth.seconds(120)
    async with booth.no_fault_alone("registry's way slow"):
        cable.to_server.delay = cable.to_client.delay = one_way
        while True:
            began = time.monotonic()
            await handovers.hand_over(booth)
            took = time.monotonic() - began
            booth.notes.append(f"in effect after {took:.1f} s")
            assert took < within, f"handing over took {took:.1f} s"
            if time.monotonic() > slow_until:
                break
            await asyncio.sleep(booth.rng.uniform(2, 10))
        cable.heal()


async def slow_all_down(booth: Booth) -> None:
    """Every service's way to Redis is 400 ms long, for minutes."""
    async with booth.fault("all ways slow"):
        for cable in booth.cables.values():
            cable.to_server.delay = cable.to_client.delay = 0.4
        await asyncio.sleep(booth.seconds(120))
        for cable in booth.cables.values():
            cable.heal()


async def hang_connections(booth: Booth) -> None:
    """Have the connections of a router, or of the registry, hang one at a time."""
    name = booth.draw(["router-1", "registry-1"])
    async with booth.fault("connections hang"):
        for link in list(booth.cables[name].links):
            if link.client_end.transport is None or link.client_end.transport.is_closing():
                continue
            link.silence()
            # One that is used has to be given up; one that is not does no harm.
            with contextlib.suppress(AssertionError):
                await _wait_until_closed(link.client_end.transport, booth.seconds(HANGING_SECONDS))
            link.cut()


async def kill_connections(booth: Booth) -> None:
    kind = booth.draw(["normal", "pubsub"])
    async with booth.redis_client() as client, booth.fault("connections killed"):
        await client.execute_command("CLIENT", "KILL", "TYPE", kind)


async def overflow_subscribers(booth: Booth) -> None:
    """More than a subscriber's output buffer may hold: Redis drops the connection."""
    async with booth.redis_client() as client:
        await client.config_set("client-output-buffer-limit", OVERFLOW)
        channels = [name.decode() for name in await client.pubsub_channels()]
        before = {one["id"] for one in await client.client_list(_type="pubsub")}
        async with booth.fault("subscribers overflowed"):
            for channel in channels:
                await client.eval(FLOOD, 0, channel)
        after = {one["id"] for one in await client.client_list(_type="pubsub")}
        assert before, "there were no subscribers"
        assert not before & after, f"Redis dropped only {len(before - after)} of {len(before)}"


async def move_redis(booth: Booth) -> None:
    """The address leads to another, empty server; some connections to the old one live on."""
    old = booth.redis
    assert isinstance(old, EmbeddedRedis), "this fault needs a redis-server program"
    new = await booth.start_spare()
    async with booth.fault("Redis at another address"):
        booth.redis_address = address_of(new.url)
        for cable in booth.cables.values():
            for link in booth.rng.sample(sorted(cable.links, key=id), len(cable.links) // 2):
                link.cut()
        await asyncio.sleep(booth.rng.uniform(0.1, 2.0))
        await asyncio.to_thread(old.kill)
        booth.redis, booth.spare = new, old


# Between devices and gateways.


async def restart_load_balancer(booth: Booth) -> None:
    async with booth.fault("load balancer restarted"):
        await booth.balancer.restart(booth.rng.uniform(0.1, 1))


async def leave_widget_half_open(booth: Booth) -> None:
    await _leave_half_open(booth, booth.balancer.widgets, "widget half open")


async def leave_charger_half_open(booth: Booth) -> None:
    await _leave_half_open(booth, booth.balancer.chargers, "charger half open")


async def _break_cable(booth: Booth, cable: FaultProxy, seconds: float) -> None:
    """Break a cable to Redis for a while, in one of the ways that networks have."""
    way = booth.draw(["requests late", "cut", "requests lost", "answers lost", "slow", "stalled"])

    match way:
        case "cut":
            cable.deafen()
            cable.cut()
        case "requests late":
            # They arrive, long after their sender gave them up.
            cable.to_server.mode = Mode.STALL
        case "stalled":
            cable.stall()
        case "requests lost":
            cable.to_server.mode = Mode.DROP
        case "answers lost":
            # The scripts run, and no doorbell arrives.
            cable.to_client.mode = Mode.DROP
        case _:
            cable.to_server.delay = cable.to_client.delay = 0.7
    await asyncio.sleep(seconds)
    # What was lost in the middle of a stream leaves nothing that could go on.
    if way in ("requests lost", "answers lost"):
        cable.cut()
    await cable.listen()
    cable.heal()


async def _leave_half_open(booth: Booth, proxy: FaultProxy, name: str) -> None:
    """Silence a connection. It is over for the device once the device has given it up."""
    link = booth.rng.choice([one for one in proxy.links if one.client_end.other is not None])
    began = time.monotonic()
    async with booth.fault(name):
        link.silence()
        await _wait_until_closed(link.client_end.transport, SILENCE_SECONDS + 5)
    await _wait_until_closed(
        link.server_end.transport, OFFLINE_SECONDS - (time.monotonic() - began)
    )
    booth.notes.append(f"the hub noticed after {time.monotonic() - began:.1f} s")
    link.cut()


async def _wait_until_closed(transport: asyncio.Transport | None, within: float) -> None:
    assert transport is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not transport.is_closing():  # noqa: ASYNC110 - transports set no event
                await asyncio.sleep(0.05)
    assert transport.is_closing(), f"not noticed within {within:.1f} s"
