"""The faults, one function each: what is done to a booth, and when it counts as over.

A fault that is over at once (a process was killed) leaves the rest to the hub. What is dead then is
started again by `Booth.mend`, after the lights were judged.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

from services.simulator.devices.connection import SILENCE_SECONDS
from services.simulator.fleet.pairs import Pair
from tests.faults import crowd, namespace, promotion, repairing, twins
from tests.faults.booth import Booth
from tests.fixtures.fault_proxy import FaultProxy, Mode

OFFLINE_SECONDS: Final = 30.0
"""In which the hub must notice a connection that has fallen silent."""

OVERFLOW: Final = "normal 0 0 0 replica 256mb 64mb 60 pubsub 1mb 0 0"
FLOOD: Final = "for _ = 1, 400 do redis.call('PUBLISH', ARGV[1], string.rep('x', 8000)) end"
"""3 MB in one script, so that none of it is sent meanwhile, in pieces that Valkey copies: of a
large one it keeps only a reference, which does not count for the limit."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the matrix.

    Attributes:
        name: As it is asked for on the command line.
        title: As it stands in the matrix.
        inject: Does the harm, and returns when it is over.
        runs: How often it is run for the matrix, at least.
        alone: It takes too long, or too much, for random sequences.
        unavailable_because: Returns why it cannot run on this machine, or None.
    """

    name: str
    title: str
    inject: Callable[[Booth], Awaitable[None]]
    runs: int = 10
    alone: bool = False
    unavailable_because: Callable[[], str | None] = lambda: None


# Gateways.


async def kill_gateway(booth: Booth) -> None:
    victim = booth.some_gateway()
    async with booth.fault("gateway killed"):
        victim.process.kill()


async def freeze_gateway(booth: Booth) -> None:
    victim = booth.some_gateway().process
    async with booth.fault("gateway frozen"):
        victim.freeze()
        await asyncio.sleep(booth.seconds(20))
        victim.thaw()


async def cut_gateway_from_redis(booth: Booth) -> None:
    cable = booth.cables[booth.some_gateway().process.name]
    async with booth.fault("gateway cut from Redis"):
        await _break_cable(booth, cable, booth.seconds(10))


async def shift_gateway_clock(booth: Booth) -> None:
    victim = booth.some_gateway()
    shift = booth.rng.choice([-86_400, -60, 60, 86_400])
    booth.notes.append(f"clock of {victim.process.name} {shift:+} s")
    async with booth.fault("gateway's clock shifted"):
        victim.process.kill()
        shifted = [sys.executable, "-m", "tests.faults.shifted_clock", str(shift)]
        victim.process.start([*shifted, "services.gateway"])
        await victim.process.ready()
        await booth.give_devices(victim)


# Routers.


async def kill_router(booth: Booth) -> None:
    victim = booth.some_router()
    async with booth.fault("router killed"):
        victim.process.kill()


async def freeze_router(booth: Booth) -> None:
    """Longer than its lease: the other one owns its partitions when it goes on."""
    victim = booth.some_router().process
    async with booth.fault("router frozen"):
        victim.freeze()
        await asyncio.sleep(booth.rng.uniform(3, 6))
        victim.thaw()


async def cut_router_from_redis(booth: Booth) -> None:
    """Long enough for its lease: what it wrote may arrive when another one owns its partitions."""
    cable = booth.cables[booth.some_router().process.name]
    async with booth.fault("router cut from Redis"):
        await _break_cable(booth, cable, booth.seconds(5))


async def kill_routers(booth: Booth) -> None:
    routers = [router.process for router in booth.hub.routers]
    async with booth.fault("all routers gone"):
        for process in routers:
            process.kill()
        await asyncio.sleep(booth.seconds(10))
        for process in routers:
            process.start()


# Redis.


async def restart_redis_with_data(booth: Booth) -> None:
    async with booth.fault("Redis restarted with its data"):
        await asyncio.to_thread(booth.redis.stop, keep_data=True)
        await asyncio.to_thread(booth.redis.start)


async def restart_redis_behind(booth: Booth) -> None:
    """It comes back with a snapshot that is older than two devices and all recent readings."""
    await asyncio.to_thread(booth.redis.save)
    number = booth.kept["late"] = booth.kept.get("late", 0) + 1
    pair = Pair(f"late-c{number}", f"late-w{number}")
    await booth.hub.register((pair.charger, pair.widget))
    booth.devices.record_pairing(pair.charger, pair.widget)
    booth.devices.add_pairs([pair])
    await booth.devices.wait_until_well(time.monotonic(), 1.0, 20)
    async with booth.fault("Redis restarted with an old snapshot"):
        await asyncio.to_thread(booth.redis.kill)
        await asyncio.to_thread(booth.redis.start)


async def restart_redis_empty(booth: Booth) -> None:
    async with booth.fault("Redis restarted empty"):
        await asyncio.to_thread(booth.redis.kill)
        await asyncio.to_thread(booth.redis.start)


async def empty_redis(booth: Booth) -> None:
    async with booth.redis_client() as client, booth.fault("Redis emptied"):
        await client.flushall()


async def freeze_redis(booth: Booth) -> None:
    seconds = booth.seconds(10)
    way = booth.draw(["SIGSTOP", "DEBUG SLEEP", "CLIENT PAUSE"])
    async with booth.redis_client() as client, booth.fault("Redis frozen"):
        match way:
            case "SIGSTOP":
                booth.redis.freeze()
                await asyncio.sleep(seconds)
                booth.redis.thaw()
            case "DEBUG SLEEP" if await _may_debug(client):
                await client.execute_command("DEBUG", "SLEEP", f"{seconds:.2f}")
            case _:
                await client.execute_command("CLIENT", "PAUSE", round(seconds * 1000), "ALL")
                await asyncio.sleep(seconds)


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


async def kill_connections(booth: Booth) -> None:
    kind = booth.draw(["normal", "pubsub"])
    async with booth.redis_client() as client, booth.fault("connections killed"):
        await client.execute_command("CLIENT", "KILL", "TYPE", kind)


# Postgres and the registry: nothing that lights depend on, so there is no time of grace.


async def restart_postgres(booth: Booth) -> None:
    async with booth.no_fault_alone("Postgres restarted"):
        await asyncio.to_thread(booth.postgres.kill)
        await asyncio.to_thread(booth.postgres.start)


async def stop_registry(booth: Booth) -> None:
    process = booth.hub.registries[0].process
    async with booth.no_fault_alone("registry down"):
        process.kill()
        await asyncio.sleep(booth.seconds(10))
        process.start()


# What lies between devices and gateways.


async def restart_load_balancer(booth: Booth) -> None:
    async with booth.fault("load balancer restarted"):
        await booth.balancer.restart(booth.rng.uniform(0.1, 1))


async def restart_one_by_one(booth: Booth) -> None:
    """Every service in turn, in an orderly way: no time of grace either."""
    processes = list(booth.hub.processes)
    booth.rng.shuffle(processes)
    for process in processes:
        code = await process.terminate()
        assert code == 0, f"{process.name} exited with {code} when asked to end"
        process.start()
        await process.ready()
    async with booth.fault("rolling restart"):
        pass


async def leave_widget_half_open(booth: Booth) -> None:
    await _leave_half_open(booth, booth.balancer.widgets, "widget half open")


async def leave_charger_half_open(booth: Booth) -> None:
    await _leave_half_open(booth, booth.balancer.chargers, "charger half open")


# Parts of faults.


async def _may_debug(client: Any) -> bool:
    """Whether this Redis has the command; from 7 on it must be allowed by the configuration."""
    with contextlib.suppress(ResponseError):
        await client.execute_command("DEBUG", "SLEEP", "0")
        return True
    return False


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


FAULTS: Final = {
    fault.name: fault
    for fault in (
        Fault("gateway-killed", "gateway killed", kill_gateway, runs=20),
        Fault("gateway-frozen", "gateway frozen 20 s, then back", freeze_gateway),
        Fault(
            "gateway-cut",
            "gateway cut from Redis for 10 s, not from devices",
            cut_gateway_from_redis,
        ),
        Fault(
            "packets-dropped",
            "every packet between a gateway and Redis dropped for 10 s (network namespace)",
            namespace.drop_packets,
            alone=True,
            unavailable_because=namespace.unavailable_because,
        ),
        Fault("clock-shifted", "system clock of one gateway shifted", shift_gateway_clock),
        Fault("router-killed", "router killed", kill_router),
        Fault(
            "router-frozen",
            "router frozen longer than its lease, back while another owns its partitions",
            freeze_router,
            runs=50,
        ),
        Fault(
            "router-cut", "router cut from Redis for 5 s, its writes late", cut_router_from_redis
        ),
        Fault("routers-gone", "all routers gone for 10 s", kill_routers),
        Fault("redis-with-data", "Redis restarted with its data", restart_redis_with_data),
        Fault(
            "redis-behind",
            "Redis restarted with a snapshot older than the newest devices and readings",
            restart_redis_behind,
        ),
        Fault("redis-empty", "Redis restarted empty", restart_redis_empty),
        Fault("redis-emptied", "Redis emptied (FLUSHALL)", empty_redis),
        Fault("redis-frozen", "Redis frozen 10 s", freeze_redis),
        Fault("overflow", "subscribers' output buffers overflowed, dropped", overflow_subscribers),
        Fault("connections-killed", "connections to Redis killed", kill_connections),
        Fault(
            "promotion",
            "Redis replica promoted by Sentinel, last writes lost",
            promotion.promote_replica,
            unavailable_because=promotion.unavailable_because,
        ),
        Fault("postgres", "Postgres killed and restarted", restart_postgres),
        Fault("registry", "registry down for 10 s", stop_registry),
        Fault("load-balancer", "load balancer restarted", restart_load_balancer),
        Fault("rolling", "rolling restart of every service", restart_one_by_one, alone=True),
        Fault(
            "widget-half-open",
            "widget half open (silent, no FIN)",
            leave_widget_half_open,
            alone=True,
        ),
        Fault(
            "charger-half-open",
            "charger half open (silent, no FIN)",
            leave_charger_half_open,
            alone=True,
        ),
        Fault("crowd", "2,000 devices reconnecting at once", crowd.reconnects, alone=True),
        Fault("re-pairing", "re-pairing in flight", repairing.swaps),
        Fault("twins", "two connections of one charger, readings crossing", twins.cross),
    )
}
"""All faults by name, in the order of the matrix."""
