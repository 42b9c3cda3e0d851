"""Causes in gateways, routers and registries."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator
from typing import Final

from tests.alerts.causes.scene import READY_SECONDS, Cause, Scene, again_and_again
from tests.fixtures.children import children_of, send_signal
from tests.fixtures.processes import ServiceProcess
from tests.fixtures.redis_at import url_at
from tools.servers.credentials import SERVICES

_ROUTER: Final = "alerts-router"


@contextlib.asynccontextmanager
async def _frozen(processes: list[ServiceProcess]) -> AsyncIterator[None]:
    for process in processes:
        process.freeze()
    try:
        yield
    finally:
        for process in processes:
            process.thaw()


@contextlib.asynccontextmanager
async def freeze_routers(scene: Scene) -> AsyncIterator[None]:
    async with _frozen([router.process for router in scene.booth.hub.routers]):
        yield


@contextlib.asynccontextmanager
async def kill_gateways(scene: Scene) -> AsyncIterator[None]:
    for gateway in scene.booth.hub.gateways:
        gateway.process.kill()
    try:
        yield
    finally:
        for gateway in scene.booth.hub.gateways:
            gateway.process.start()
            await gateway.process.ready(timeout_seconds=READY_SECONDS)


@contextlib.asynccontextmanager
async def hinder_routers(scene: Scene) -> AsyncIterator[None]:
    """The routers have partitions, and Redis does not let them write what they should."""
    hub, password = scene.booth.hub, secrets.token_hex(8)
    async with scene.booth.redis_client() as client:
        user = ("ACL", "SETUSER", _ROUTER)
        await client.execute_command(*user, "on", f">{password}", "~*", "&*", "+@all")
        url = url_at(scene.booth.redis.url, scene.booth.redis_address[1])
        url = url.replace(SERVICES.at(""), f"{_ROUTER}:{password}@", 1)
        others = [router.process for router in hub.routers]
        hindered = hub.start_router({"CHARGELIGHT_REDIS_URL": url}).process
        scene.watch.find_targets()
        await hindered.ready(timeout_seconds=READY_SECONDS)
        for process in others:
            process.kill()
        try:
            await client.execute_command(*user, "-hset")
            await asyncio.sleep(1)
            # A charger that reports more often than twice a second is never overdue.
            scene.booth.devices.stop_readings()
            yield
        finally:
            scene.booth.devices.resume_readings()
            for process in others:
                process.start()
                await process.ready(timeout_seconds=READY_SECONDS)
            await hindered.terminate()
            hub.routers.pop()
            scene.watch.find_targets()


@contextlib.asynccontextmanager
async def kill_worker(scene: Scene) -> AsyncIterator[None]:
    """The kernel kills a worker of a gateway that has two."""
    hub = scene.booth.hub
    settings = {
        "CHARGELIGHT_GATEWAY_WORKERS": "2",
        "CHARGELIGHT_REDIS_URL": await scene.booth.cable("gateway-workers"),
    }
    gateway = hub.start_gateway(settings)
    scene.watch.find_targets()
    await gateway.process.ready(timeout_seconds=READY_SECONDS)
    # Prometheus must have seen that none had ended.
    await asyncio.sleep(3)
    send_signal(children_of(gateway.process.pid)[-1], signal.SIGKILL)
    yield
    await gateway.process.ready(timeout_seconds=READY_SECONDS)


@contextlib.asynccontextmanager
async def starve(scene: Scene) -> AsyncIterator[None]:
    """A gateway gets no CPU for 0.2 s of each 0.3 s."""
    process = scene.booth.hub.gateways[0].process

    async def stand_still() -> None:
        process.freeze()
        await asyncio.sleep(0.2)
        process.thaw()

    async with again_and_again(stand_still, 0.1):
        yield
    process.thaw()


@contextlib.asynccontextmanager
async def start_other_version(scene: Scene) -> AsyncIterator[None]:
    """A router of another build is started beside the others."""
    settings = {"SOURCE_COMMIT": "another", "CHARGELIGHT_REDIS_URL": scene.booth.redis.url}
    router = scene.booth.hub.start_router(settings)
    scene.watch.find_targets()
    await router.process.ready(timeout_seconds=READY_SECONDS)
    yield
    await router.process.terminate()
    scene.booth.hub.routers.pop()
    scene.watch.find_targets()


OF_INSTANCES: Final = (
    Cause(
        "all routers frozen",
        freeze_routers,
        ("PartitionsUnowned", "InstanceDown"),
        silences=("InstanceDown",),
    ),
    Cause("all gateways killed", kill_gateways, ("NobodyAccepts",)),
    Cause("routers may not write into Redis", hinder_routers, ("PendingOld",)),
    Cause("worker of a gateway killed", kill_worker, ("WorkerRestarts",)),
    Cause("gateway without CPU for two thirds of the time", starve, ("LoopDelay",)),
)

ONE_HOUR: Final = (Cause("router of another build", start_other_version, ("MixedVersions",)),)
"""Even a twentieth of this takes minutes: `make alerts` only."""
