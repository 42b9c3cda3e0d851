"""The whole system under test: servers, services, a load balancer, devices, and every cable.

Each service reaches Redis through a proxy of its own, so that any of these cables can be cut,
stalled or made to lose one direction. Devices come in through a load balancer.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from services.simulator.devices.dialects import DialectName
from services.simulator.fleet.pairs import Pair, numbered_pairs
from shared.process.waiting import end_task
from tests.faults import stepping_clock
from tests.faults.audited_lights import AuditedLights
from tests.faults.balancer import Balancer
from tests.faults.checker import Checker
from tests.faults.devices import DIALECT, Devices
from tests.faults.history import FaultBegan, FaultEnded
from tests.faults.stepping_clock import SteppingClock, open_stepping_redis, spare_redis
from tests.fixtures.fault_proxy import HOST, FaultProxy, Link
from tests.fixtures.hub import Gateway, Hub, Router
from tests.fixtures.processes import ROOT
from tests.fixtures.redis_at import address_of, admin_client, url_at
from tools.servers.postgres.open import open_postgres_server
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.cluster import RedisCluster
from tools.servers.redis.server import RedisServer
from tools.servers.server_options import ServerOptions

if TYPE_CHECKING:
    from tools.servers.redis.embedded import EmbeddedRedis

PAIRS: Final = 16
GATEWAYS: Final = 3
ROUTERS: Final = 2
START_SECONDS: Final = 30.0

Server = TypeVar("Server", RedisServer, PostgresServer, RedisCluster)


@dataclass(frozen=True, slots=True)
class Size:
    pairs: int = PAIRS
    gateways: int = GATEWAYS
    routers: int = ROUTERS
    dialects: tuple[DialectName, ...] = (DIALECT,)
    """Of the chargers, in turns."""


class Booth:
    """Everything of one booth. Made by `open_booth`.

    Attributes:
        rng: Every choice that a fault makes comes from here.
        notes: What was drawn, for people.
        spare: A second Redis, once a fault has needed one.
        kept: What faults made for themselves and use again.
        closing: What is closed with the booth.
        longest: Share of their time that faults that last take.
        turn: Which of the ways to do something has its turn; None to draw one.
        silent_after: So long after the next fault began the chargers fall silent: then nothing
            that comes later heals what was lost.
        redis_address: Where the cables to Redis lead at the moment.
        clocks: Of the gateways, by name; none where no clock can step.
        folder: For files that live as long as the booth, or longer.
        exits: Processes that ended by themselves, and were started again since.
    """

    def __init__(
        self, redis_server: RedisServer, postgres: PostgresServer, hub: Hub, seed: int
    ) -> None:
        self.rng = random.Random(seed)
        self.redis = redis_server
        self.postgres = postgres
        self.hub = hub
        self.checker = Checker()
        self.audited = AuditedLights(hub)
        self.balancer = Balancer()
        self.cables: dict[str, FaultProxy] = {}
        self.redis_address = address_of(redis_server.url)
        self.pairs: list[Pair] = []
        self.fault_ended_at = 0.0
        self.notes: list[str] = []
        self.spare: EmbeddedRedis | None = None
        self.kept: dict[str, Any] = {}
        self.closing = contextlib.AsyncExitStack()
        self.longest = 1.0
        self.turn: int | None = None
        self.silent_after: float | None = None
        self.clocks: dict[str, SteppingClock] = {}
        self.folder = Path()
        self.exits: list[str] = []
        self.devices: Devices

    # Making it.

    async def start(self, size: Size) -> None:
        """Start all services, register the pairs, and connect them."""
        await self.balancer.listen()
        self.hub.start_registry({"CHARGELIGHT_REDIS_URL": await self.cable("registry-1")})
        for number in range(1, size.routers + 1):
            self.hub.start_router({"CHARGELIGHT_REDIS_URL": await self.cable(f"router-{number}")})
        for number in range(1, size.gateways + 1):
            name = f"gateway-{number}"
            settings = {"CHARGELIGHT_REDIS_URL": await self.cable(name)}
            self.balance(self.hub.start_gateway(settings | self.clock(name)))
        await self.hub.ready()
        self.devices = Devices(
            f"ws://{HOST}:{self.balancer.chargers.port}",
            f"ws://{HOST}:{self.balancer.widgets.port}",
            self.checker,
            self.rng,
            size.dialects,
        )
        self.pairs = numbered_pairs("booth", size.pairs)
        await self.hub.register(*((pair.charger, pair.widget) for pair in self.pairs))
        for pair in self.pairs:
            self.devices.record_pairing(pair.charger, pair.widget)
        self.devices.add_pairs(self.pairs)
        await self.devices.wait_until_well(time.monotonic(), 0.0, START_SECONDS)
        watching = asyncio.create_task(self.audited.watch(), name="watch the audit of lights")
        self.closing.push_async_callback(end_task, watching, 1.0)

    def balance(self, gateway: Gateway) -> None:
        self.balancer.add(gateway.charger_port, gateway.widget_port, gateway.health_port)

    async def cable(self, name: str) -> str:
        """Lay a cable from a service to Redis; return the address at the service's end."""
        proxy = self.cables[name] = FaultProxy(lambda: [self.redis_address])
        await proxy.listen()
        return url_at(self.redis.url, proxy.port)

    def clock(self, name: str) -> dict[str, str]:
        """Give a service a clock that can step, if there are such; return what tells it so."""
        if stepping_clock.unavailable_because() is not None:
            return {}
        clock = self.clocks[name] = SteppingClock(self.folder / f"{name}.clock")
        return clock.environment

    async def close(self) -> None:
        await self.closing.aclose()
        await self.hub.hang_up()
        if hasattr(self, "devices"):
            await self.devices.close()
        for process in self.hub.processes:
            process.kill()
        self.balancer.close()
        for cable in self.cables.values():
            cable.close()
        # A promotion has them change places.
        for server in (self.redis, self.spare):
            if server is not None:
                server.close()
        # What was aborted is closed in the next rounds of the loop: it must have some.
        await asyncio.sleep(0.1)

    # For faults.

    @contextlib.asynccontextmanager
    async def fault(self, name: str) -> AsyncIterator[None]:
        """Do harm in here: it begins with the block and ends with it."""
        self.checker.take(FaultBegan(time.monotonic(), name))
        self.audited.fault_began()
        if self.silent_after is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.silent_after, self.devices.stop_readings)
            self.silent_after = None
        try:
            yield
        finally:
            self.fault_ended_at = time.monotonic()
            self.checker.take(FaultEnded(self.fault_ended_at, name))
            self.audited.fault_ended(self.fault_ended_at)

    @contextlib.asynccontextmanager
    async def no_fault_alone(self, name: str) -> AsyncIterator[None]:
        """Do in here what harms no light by itself: it gets no time of grace.

        In a sequence it does: a directory that Redis has just lost is gone for as long as
        there is no registry, and two faults at once are not promised.
        """
        if self.turn is None:
            async with self.fault(name):
                yield
        else:
            yield
            async with self.fault(name):
                pass

    def some_gateway(self) -> Gateway:
        running = [one for one in self.hub.gateways if one.process.is_running()]
        return self.rng.choice(running)

    def some_router(self) -> Router:
        running = [one for one in self.hub.routers if one.process.is_running()]
        return self.rng.choice(running)

    def link_of(self, charger_id: str) -> Link:
        """Return a charger's connection through the load balancer."""
        here = self.devices.address_of(charger_id)
        for link in self.balancer.chargers.links:
            end = link.client_end.transport
            if end is not None and end.get_extra_info("peername") == here:
                return link
        raise AssertionError(f"{charger_id} has no connection")

    def gateway_of(self, charger_id: str) -> Gateway:
        """Return the gateway that a charger is connected to."""
        address = self.link_of(charger_id).server
        return next(one for one in self.hub.gateways if (HOST, one.charger_port) == address)

    async def give_devices(self, gateway: Gateway) -> None:
        """Have chargers of the others reconnect until it has one: they go to who has fewest."""
        async with asyncio.timeout(20):
            while not self.balancer.links_to(gateway.charger_port):
                others = [
                    link
                    for link in self.balancer.chargers.links
                    if link.server is not None and link.server[1] != gateway.charger_port
                ]
                if others:  # none, for a moment, while all of them connect again
                    self.rng.choice(others).cut()
                await asyncio.sleep(0.5)

    def silence(self, moments: Sequence[float]) -> None:
        """Have the chargers fall silent at one of these moments (s) after the next fault began."""
        self.silent_after = self.rng.choice(moments)
        self.notes.append(f"silent {self.silent_after:g} s after it began")

    def draw(self, ways: Sequence[str]) -> str:
        """Draw one of the ways to do something; in the matrix, each has its turn."""
        way = self.rng.choice(ways) if self.turn is None else ways[self.turn % len(ways)]
        self.notes.append(way)
        return way

    def seconds(self, most: float) -> float:
        return most * self.longest

    @contextlib.asynccontextmanager
    async def redis_client(self) -> AsyncIterator[Any]:
        """Connect to Redis directly, not through a cable, as the admin."""
        async with admin_client(*self.redis_address, timeout_seconds=30) as client:
            yield client

    async def start_spare(self) -> "EmbeddedRedis":
        """Start the second Redis, empty, beside the one in use."""
        if self.spare is None:
            self.spare = await asyncio.to_thread(spare_redis, "a second server")
        await asyncio.to_thread(self.spare.start)
        return self.spare

    async def mend(self) -> None:
        """Start what was killed, thaw what was frozen, heal the cables, as a supervisor would."""
        self.exits += self.hub.unexpected_exits()
        self.redis.thaw()
        self.redis.start()
        self.postgres.start()
        for cable in self.cables.values():
            await cable.listen()
            cable.heal()
        await self.balancer.listen()
        for process in self.hub.processes:
            if process.is_running():
                process.thaw()
            else:
                process.start()
        await asyncio.gather(*(process.ready() for process in self.hub.processes))


async def open_in(
    servers: contextlib.ExitStack, open_server: Callable[..., Server], *arguments: Any
) -> Server:
    """Open a server, to be closed with the others."""
    opened = await asyncio.to_thread(open_server, *arguments)
    return servers.enter_context(contextlib.closing(opened))


@contextlib.asynccontextmanager
async def open_booth(
    seed: int,
    *,
    size: Size | None = None,
    code: Path = ROOT,
    settings: dict[str, str] | None = None,
    logs: Path | None = None,
) -> AsyncIterator[Booth]:
    """Open a booth with servers of its own, and close it again; without ``logs`` none are kept."""
    server_options = ServerOptions.of_tests()
    with contextlib.ExitStack() as servers:
        folder = logs or Path(servers.enter_context(tempfile.TemporaryDirectory()))
        redis_server = await open_in(servers, open_stepping_redis, server_options)
        postgres = await open_in(servers, open_postgres_server, server_options)
        hub = Hub(
            {
                "CHARGELIGHT_REDIS_URL": redis_server.url,
                "CHARGELIGHT_POSTGRES_DSN": postgres.dsn,
                **(settings or {}),
            },
            folder,
            lambda _: None,
            code,
        )
        booth = Booth(redis_server, postgres, hub, seed)
        booth.folder = folder
        try:
            await booth.start(size or Size())
            yield booth
        finally:
            await booth.close()
