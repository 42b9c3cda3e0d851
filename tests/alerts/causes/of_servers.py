"""Causes in Redis and Postgres, and on the way to them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from psycopg import AsyncConnection

from tests.alerts.causes.scene import READY_SECONDS, Cause, Scene, again_and_again
from tests.faults.stepping_clock import spare_redis
from tests.fixtures.redis_at import address_of, admin_client
from tools.servers.credentials import ADMIN

BACKUPS: Final = "backups"
"""The folder of a booth's backups on the timer."""

_MEGABYTE: Final = 1 << 20
_FULL: Final = 0.92


@contextlib.asynccontextmanager
async def freeze_redis(scene: Scene) -> AsyncIterator[None]:
    scene.booth.redis.freeze()
    try:
        yield
    finally:
        scene.booth.redis.thaw()


@contextlib.asynccontextmanager
async def fill_redis(scene: Scene) -> AsyncIterator[None]:
    """Another program writes until Redis is nearly full."""
    async with scene.booth.redis_client() as client:
        used = int((await client.info("memory"))["used_memory"])
        most = max(32 * _MEGABYTE, 4 * used)
        await client.config_set("maxmemory", most)
        for number in range(int((most * _FULL - used) / _MEGABYTE)):
            await client.set(f"other-program:{number}", b"x" * (_MEGABYTE - 100))
        try:
            yield
        finally:
            names = [name async for name in client.scan_iter("other-program:*")]
            await client.delete(*names)
            await client.config_set("maxmemory", 0)


@contextlib.asynccontextmanager
async def lose_directory(scene: Scene) -> AsyncIterator[None]:
    """Redis is emptied while no registry runs."""
    registry = scene.booth.hub.registries[0].process
    registry.kill()
    async with scene.booth.redis_client() as client:
        await client.flushall()
    try:
        yield
    finally:
        registry.start()
        await registry.ready(timeout_seconds=READY_SECONDS)


@contextlib.asynccontextmanager
async def kill_replica(scene: Scene) -> AsyncIterator[None]:
    """A replica that was there for a while ends."""
    host, port = address_of(scene.booth.redis.url)
    replica = await asyncio.to_thread(spare_redis, "a replica")
    try:
        async with admin_client(*address_of(replica.url), timeout_seconds=30) as client:
            await client.config_set("masteruser", ADMIN.name)
            await client.config_set("masterauth", ADMIN.password)
            await client.replicaof(host, port)
        async with scene.booth.redis_client() as client:
            await _until_replicas(client, 1)
            # Prometheus must have seen it.
            await asyncio.sleep(5)
            replica.kill()
            await _until_replicas(client, 0)
            yield
        await asyncio.to_thread(replica.start)
        async with admin_client(*address_of(replica.url), timeout_seconds=30) as client:
            await client.config_set("masteruser", ADMIN.name)
            await client.config_set("masterauth", ADMIN.password)
            await client.replicaof(host, port)
        scene.booth.closing.callback(replica.close)
    except BaseException:
        replica.close()
        raise


async def _until_replicas(client: Any, count: int) -> None:
    async with asyncio.timeout(30):
        while (await client.info("replication"))["connected_slaves"] != count:  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def kill_subscribers(scene: Scene) -> AsyncIterator[None]:
    """Redis closes the connections that hear doorbells, again and again."""
    async with (
        scene.booth.redis_client() as client,
        again_and_again(lambda: client.client_kill_filter(_type="pubsub"), 0.3),
    ):
        yield


@contextlib.asynccontextmanager
async def slow_all_down(scene: Scene) -> AsyncIterator[None]:
    """Every way to Redis is 0.3 s long, there and back: a light needs four of them."""
    for cable in scene.booth.cables.values():
        cable.to_server.delay = cable.to_client.delay = 0.3
    try:
        yield
    finally:
        for cable in scene.booth.cables.values():
            cable.heal()


@contextlib.asynccontextmanager
async def stop_postgres(scene: Scene) -> AsyncIterator[None]:
    await asyncio.to_thread(scene.booth.postgres.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.booth.postgres.start)


@contextlib.asynccontextmanager
async def cut_registry(scene: Scene) -> AsyncIterator[None]:
    """Nothing passes between the registry and Redis, and a device is registered."""
    cable, hub = scene.booth.cables["registry-1"], scene.booth.hub
    cable.stall()
    try:
        stored = await hub.client.put(f"{hub.registry_url}/chargers/late", json={}, timeout=30)
        assert stored.is_success, stored.text
        yield
    finally:
        cable.cut()
        cable.heal()


@contextlib.asynccontextmanager
async def leave_transaction_open(scene: Scene) -> AsyncIterator[None]:
    """A person leaves a transaction open, whose lock keeps backups from reading a table.

    So the newest backup in the folder gets older and older.
    """
    async with await AsyncConnection.connect(scene.booth.postgres.dsn) as psql:
        await psql.execute("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE")
        yield


OF_REDIS: Final = (
    Cause(
        "Redis frozen",
        freeze_redis,
        ("RedisAway", "NotReady"),
        silences=("NotReady",),
    ),
    Cause("Redis filled by another program", fill_redis, ("RedisFull",)),
    Cause(
        "Redis emptied while no registry runs",
        lose_directory,
        ("DirectoryMissing", "InstanceDown"),
    ),
    Cause("replica of Redis killed", kill_replica, ("RedisReplicaMissing",)),
    Cause("connections for doorbells killed each 0.3 s", kill_subscribers, ("DoorbellsLost",)),
)

OF_WAYS: Final = (
    Cause("every way to Redis 0.3 s long", slow_all_down, ("LightsLate",)),
    Cause("Postgres killed", stop_postgres, ("PostgresAway", "TransitionsWaiting")),
    Cause("registry cut from Redis", cut_registry, ("DirectoryLag",)),
    Cause("transaction left open in psql", leave_transaction_open, ("BackupOld",)),
)
