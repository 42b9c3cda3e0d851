"""Gateways and routers that run in the test's event loop, and a directory written by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from services.gateway import app as gateway_app
from services.gateway.settings import GatewaySettings
from services.router import app as router_app
from services.router.settings import RouterSettings
from shared.process.waiting import Stop
from tests.fixtures.redis_at import client_of, url_of
from tests.fixtures.secured import is_secured
from tests.integration.hub.booth import Booth, Stored
from tools.servers.ports import free_port

HOST = "127.0.0.1"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run a secured gateway in the event loop that it has in life.

    In another one it cannot tell whether a charger with TLS has sent something before its 101,
    and asks it to say its level again.
    """
    loop_factory = uvloop.new_event_loop if is_secured() else asyncio.new_event_loop
    return {"of services": loop_factory}


@pytest.fixture
async def stored(redis_url: str) -> AsyncIterator[Stored]:
    """What is stored in the test's Redis, and a directory that the test writes itself."""
    async with client_of(redis_url) as client:
        yield Stored(client)


class Running:
    """Services started in this event loop."""

    def __init__(self) -> None:
        self._stops: list[Stop] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(
        self, serve: Callable[[Any, Stop], Awaitable[None]], settings: object
    ) -> Callable[[], Awaitable[None]]:
        """Start a service; what is returned stops it and waits for its end."""
        stop = Stop()

        async def run() -> None:
            await serve(settings, stop)

        task = asyncio.create_task(run(), name=type(settings).__name__)
        self._stops.append(stop)
        self._tasks.append(task)

        async def end() -> None:
            stop.set()
            await task

        return end

    async def close(self) -> None:
        """Stop everything; fails if a service had ended by a bug."""
        for stop in self._stops:
            stop.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    services = Running()
    try:
        yield services
    finally:
        await services.close()


StartGateway = Callable[..., Awaitable[Booth]]


@pytest.fixture
def start_gateway(running: Running, redis_url: str) -> StartGateway:
    """Give a function that starts a gateway; keyword arguments are its settings."""

    async def start(**settings: Any) -> Booth:
        ports = {"charger_port": free_port(), "widget_port": free_port()}
        values = {
            "redis_url": redis_url,
            "host": HOST,
            "health_port": free_port(),
            "drain_seconds": 0.1,
            **ports,
            **settings,
        }
        values["redis_url"] = url_of("gateway", values["redis_url"])
        end = running.start(gateway_app.serve, GatewaySettings(**values))
        await _listening(values["charger_port"], values["widget_port"])
        # Where a test asks for secrets by itself, it presents them, too.
        authorization = "" if "device_auth" in settings else None
        return Booth(HOST, values["charger_port"], values["widget_port"], end, authorization)

    return start


StartRouter = Callable[..., Awaitable[Callable[[], Awaitable[None]]]]


@pytest.fixture
def start_router(running: Running, redis_url: str, stored: Stored) -> StartRouter:
    """Give a function that starts a router and waits until it works on partitions."""

    async def start(**settings: Any) -> Callable[[], Awaitable[None]]:
        values = {"redis_url": redis_url, "host": HOST, "health_port": free_port(), **settings}
        values["redis_url"] = url_of("router", values["redis_url"])
        made = RouterSettings(**values)
        end = running.start(router_app.serve, made)
        await stored.until(lambda: stored.is_router_at_work(made.instance_id))
        return end

    return start


@pytest.fixture
async def booth(stored: Stored, start_gateway: StartGateway, start_router: StartRouter) -> Booth:
    """A gateway and a router, with c1234 and wABCD registered and paired (number 7)."""
    return await _booth(stored, start_router, start_gateway)


@pytest.fixture
async def open_booth(
    stored: Stored, start_gateway: StartGateway, start_router: StartRouter
) -> Booth:
    """The same, but devices are asked for nothing, whatever this run asks for."""
    return await _booth(stored, start_router, start_gateway, device_auth="off")


async def _booth(
    stored: Stored, start_router: StartRouter, start_gateway: StartGateway, **settings: Any
) -> Booth:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    await start_router()
    return await start_gateway(**settings)


async def _listening(*ports: int) -> None:
    for port in ports:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, port)
                    writer.close()
                    break
                await asyncio.sleep(0.01)
