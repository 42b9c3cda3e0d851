"""Ready means that a message came the whole way through Redis, published and heard."""

import asyncio
import random
from collections.abc import Callable
from types import ModuleType

import httpx
import pytest
from redis.asyncio import Redis

from services.gateway import app as gateway_app
from services.router import app as router_app
from shared.bus.factory import DOORBELLS, open_subscriber
from shared.bus.subscriber import Subscriber
from shared.process.settings import Settings
from tests.fixtures.fault_proxy import stalling_proxy
from tests.fixtures.redis_at import address_of, is_cluster_wanted, on_each, url_at
from tests.integration.hub.booth import SOON, Stored
from tests.integration.hub.conftest import StartGateway, StartRouter
from tools.servers.ports import free_port
from tools.servers.redis.server import RedisServer

UNHEARD = (503, "no: what is published in redis does not come back\n")
READY = (200, "ok\n")


@pytest.fixture
def port() -> int:
    """Where a service says whether it is ready."""
    return free_port()


async def readiness(port: int) -> tuple[int, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            response = await client.get(f"http://127.0.0.1:{port}/readyz")
        except httpx.ConnectError:  # it is still starting
            return 0, ""
    return response.status_code, response.text


async def until(port: int, *expected: tuple[int, str]) -> None:
    """Return once a service gives this answer, or (none) says that it is not ready."""
    async with asyncio.timeout(SOON):
        while True:
            answer = await readiness(port)
            if answer in expected or (not expected and answer[0] == 503):
                return
            await asyncio.sleep(0.02)


def subscribe_at(
    monkeypatch: pytest.MonkeyPatch, app: ModuleType, where: Callable[[], str]
) -> None:
    """Have the subscribing connection, and no other, lead somewhere else."""

    def elsewhere(
        settings: Settings, instance_id: str, rng: random.Random, purpose: str = DOORBELLS
    ) -> Subscriber:
        is_meant = purpose == DOORBELLS
        there = settings.model_copy(update={"redis_url": where()}) if is_meant else settings
        return open_subscriber(there, instance_id, rng, purpose)

    monkeypatch.setattr(app, "open_subscriber", elsewhere)


def skip_on_a_cluster() -> None:
    if is_cluster_wanted():
        pytest.skip("is about one server: a cluster's nodes are not reached through a proxy")


async def test_a_gateway_whose_doorbells_stall_is_not_ready_until_they_go_on(
    stored: Stored,
    redis_url: str,
    start_gateway: StartGateway,
    monkeypatch: pytest.MonkeyPatch,
    port: int,
) -> None:
    await stored.complete()
    skip_on_a_cluster()
    async with stalling_proxy(*address_of(redis_url)) as proxy:
        subscribe_at(monkeypatch, gateway_app, lambda: url_at(redis_url, proxy.port))
        await start_gateway(health_port=port)
        await until(port, READY)
        proxy.stall()
        await until(port)
        proxy.heal()
        await until(port, READY)


async def test_a_gateway_that_listens_to_another_server_than_it_writes_to_is_not_ready(
    stored: Stored,
    private_redis: RedisServer,
    start_gateway: StartGateway,
    monkeypatch: pytest.MonkeyPatch,
    port: int,
) -> None:
    # Both connections live, and each server answers pings.
    await stored.complete()
    subscribe_at(monkeypatch, gateway_app, lambda: private_redis.url)
    await start_gateway(health_port=port)
    await until(port, UNHEARD)
    async with Redis.from_url(private_redis.url) as other:
        listening = await other.client_list(_type="pubsub")
        assert [client["name"][-10:] for client in listening] == ["-doorbells"]
        # And it does not just wait: it looks again where the address leads to.

        async def others_listen() -> bool:
            return await other.client_list(_type="pubsub") != listening

        await stored.until(others_listen)


async def test_a_router_that_listens_to_another_server_than_it_writes_to_is_not_ready(
    stored: Stored,
    private_redis: RedisServer,
    start_router: StartRouter,
    monkeypatch: pytest.MonkeyPatch,
    port: int,
) -> None:
    monkeypatch.setattr(stored, "is_router_at_work", _always)
    subscribe_at(monkeypatch, router_app, lambda: private_redis.url)
    await start_router(health_port=port)
    await until(port, UNHEARD)


async def test_while_redis_takes_no_writes_nobody_is_ready(
    stored: Stored, start_gateway: StartGateway, start_router: StartRouter
) -> None:
    # Reading goes on, and pings are answered.
    await stored.complete()
    ports = (free_port(), free_port())
    await start_gateway(health_port=ports[0])
    await start_router(health_port=ports[1])
    for one in ports:
        await until(one, READY)
    await on_each(stored.client, "CLIENT PAUSE", 60_000, "WRITE")
    # A cluster's servers are left alone for a while after each try: not connected, it says.
    if not is_cluster_wanted():
        for one in ports:
            await until(one, UNHEARD)
    # Not just for the moment in which a connection is opened again.
    unready = 0
    async with asyncio.timeout(SOON):
        while unready < 50:
            unready = unready + 1 if (await readiness(ports[0]))[0] == 503 else 0
            await asyncio.sleep(0.02)
    await on_each(stored.client, "CLIENT UNPAUSE")
    for one in ports:
        await until(one, READY)


async def _always(_instance_id: str) -> bool:
    return True
