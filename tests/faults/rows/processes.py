"""Services, Postgres and Redis that are killed, frozen, restarted, or all gone at once."""

import asyncio
import contextlib
import time
from typing import Any, Final

from redis.exceptions import ResponseError

from services.simulator.fleet.pairs import Pair
from tests.faults.booth import Booth
from tests.faults.rows import crowd, handovers

_POSTGRES_LATE_SECONDS: Final = 10.0


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


async def freeze_gateway_for_long(booth: Booth) -> None:
    """Freeze it until its devices are elsewhere, and its chargers have other visitors."""
    await handovers.arrive(booth)
    victim = booth.gateway_of(handovers.CHARGER).process
    async with booth.fault("gateway frozen for long"):
        victim.freeze()
        await asyncio.sleep(booth.seconds(60))
        await handovers.hand_over(booth)
        victim.thaw()


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
    booth.devices.resume_readings()
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


async def freeze_redis(booth: Booth) -> None:
    seconds = booth.seconds(10)
    way = booth.draw(["SIGSTOP", "DEBUG SLEEP", "CLIENT PAUSE", "CLIENT PAUSE again and again"])
    async with booth.redis_client() as client, booth.fault("Redis frozen"):
        match way:
            case "SIGSTOP":
                booth.redis.freeze()
                await asyncio.sleep(seconds)
                booth.redis.thaw()
            case "DEBUG SLEEP" if await _may_debug(client):
                await client.execute_command("DEBUG", "SLEEP", f"{seconds:.2f}")
            case "CLIENT PAUSE again and again":
                for _ in range(round(seconds)):
                    await client.execute_command("CLIENT", "PAUSE", 800, "ALL")
                    await asyncio.sleep(1.0)
            case _:
                await client.execute_command("CLIENT", "PAUSE", round(seconds * 1000), "ALL")
                await asyncio.sleep(seconds)


async def _may_debug(client: Any) -> bool:
    """Whether this Redis has the command; from 7 on it must be allowed by the configuration."""
    with contextlib.suppress(ResponseError):
        await client.execute_command("DEBUG", "SLEEP", "0")
        return True
    return False


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


# Everything.


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


async def cut_power(booth: Booth) -> None:
    """Everything ends at once; Redis comes back empty, and Postgres later than all others."""
    async with booth.fault("power cut"):
        await _cut_power(booth)


async def cut_power_to_a_crowd(booth: Booth) -> None:
    """The same with a thousand pairs more; it is over when all of them are lit again."""
    devices = await crowd.gathered(booth)
    async with booth.fault("power cut"), asyncio.timeout(crowd.SECONDS):
        for device in devices:
            device.vanish()
        await _cut_power(booth)
        began = time.monotonic()
        await asyncio.gather(*(device.connect(booth.rng) for device in devices))
    booth.notes.append(f"crowd lit {time.monotonic() - began:.1f} s after Postgres was there")


async def _cut_power(booth: Booth) -> None:
    for process in booth.hub.processes:
        process.kill()
    booth.balancer.cut()
    await asyncio.to_thread(booth.redis.kill)
    await asyncio.to_thread(booth.postgres.kill)
    await asyncio.to_thread(booth.redis.start)
    for process in booth.hub.processes:
        process.start()
    await asyncio.sleep(booth.seconds(_POSTGRES_LATE_SECONDS))
    await asyncio.to_thread(booth.postgres.start)
