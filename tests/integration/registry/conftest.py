"""A migrated database, a bus, and a registry running inside the test."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from services.registry import app
from services.registry.app import serve
from services.registry.postgres import database as postgres
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.migrate import load, migrate
from services.registry.settings import RegistrySettings
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.fixtures.hub import operator
from tests.fixtures.postgres_at import address_for_registry, are_roles_wanted, as_runtime_role
from tests.fixtures.processes import WITHOUT_TLS
from tests.fixtures.redis_at import bus_to, url_of
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.kept_apis import KeptApis
from tools.servers.ports import free_port
from tools.servers.postgres.databases import clone_of, temporary_database
from tools.servers.postgres.server import Postgres

PARTITIONS = 3

By = AsyncConnection[TupleRow]
StartRegistry = Callable[..., Awaitable["RunningRegistry"]]


@pytest.fixture
def names() -> Names:
    return Names(PARTITIONS)


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    bus = bus_to(redis_url)
    yield bus
    await bus.close()


@pytest.fixture
def in_redis(bus: Bus, names: Names) -> InRedis:
    return InRedis(bus, names)


@pytest.fixture(scope="session")
def template(postgres_server: Postgres) -> Iterator[str]:
    """The address of a database with our tables, which each test gets a copy of."""

    async def make_tables(dsn: str) -> None:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            await migrate(connection, load())

    with temporary_database(postgres_server) as dsn:
        asyncio.run(make_tables(dsn))
        yield dsn


@pytest.fixture
def postgres_dsn(postgres_server: Postgres, template: str) -> Iterator[str]:
    """The address of a database with our tables and nothing in them that is this test's alone."""
    with clone_of(postgres_server, template) as dsn:
        yield dsn


@pytest.fixture
def empty_postgres_dsn(postgres_server: Postgres) -> Iterator[str]:
    """The same without any tables, for what is about making them."""
    with temporary_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def kept_apis() -> KeptApis:
    return KeptApis()


@pytest.fixture(autouse=True)
def apis(kept_apis: KeptApis, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have registries of this test take over the APIs of those that have ended."""
    monkeypatch.setattr(app, "build", kept_apis.build)
    yield
    kept_apis.take_back()


@pytest.fixture
async def by_hand(postgres_dsn: str) -> AsyncIterator[By]:
    """A connection as somebody with psql has it, to a database with our tables."""
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, load())
        yield connection


@pytest.fixture
async def admin(postgres_admin_dsn: str) -> AsyncIterator[By]:
    """A connection to the same that may switch triggers off, and end others' connections."""
    async with await AsyncConnection.connect(postgres_admin_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def database(postgres_dsn: str, by_hand: By) -> AsyncIterator[Database]:
    assert not by_hand.closed
    dsn = await as_runtime_role(postgres_dsn) if are_roles_wanted() else postgres_dsn
    async with Database(connection_string(dsn, "test")) as database:
        database.migrated.set()
        yield database


PATIENT_SECONDS = 9.0
"""How long a change waits for another one in a test that is `patient`, at least."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have changes wait for another one longer than in life, until a busy machine has all there."""
    in_life, longer = (f"lock_timeout = '{each}s'".encode() for each in (postgres.WAIT_SECONDS, 10))
    assert in_life in postgres._LIMITS
    monkeypatch.setattr(postgres, "_LIMITS", postgres._LIMITS.replace(in_life, longer))


@dataclass
class RunningRegistry:
    """A registry in this process."""

    url: str
    health_url: str
    client: httpx.AsyncClient
    task: asyncio.Task[None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.client.request(method, self.url + path, json=body)

    async def readiness(self) -> tuple[int, str]:
        response = await self.client.get(self.health_url + "/readyz")
        return response.status_code, response.text

    async def ready(self) -> None:
        async def is_ready() -> bool:
            assert not self.task.done(), "the registry ended"
            with contextlib.suppress(httpx.TransportError):
                return (await self.readiness())[0] == 200
            return False

        await eventually(is_ready)

    async def end(self) -> None:
        self.stop.set()
        await self.task


@pytest.fixture
async def start_registry(redis_url: str, postgres_dsn: str) -> AsyncIterator[StartRegistry]:
    """Start registries; each is ended, and must end well, after the test."""
    started: list[RunningRegistry] = []
    own_redis, own_postgres = redis_url, postgres_dsn

    options = {"verify": WITHOUT_TLS, "trust_env": False, "timeout": 10, **operator()}
    async with httpx.AsyncClient(**options) as client:

        async def start(
            *,
            redis_url: str | None = None,
            postgres_dsn: str | None = None,
            ready: bool = True,
            **settings: Any,
        ) -> RunningRegistry:
            dsn = postgres_dsn or await address_for_registry(own_postgres)
            complete = RegistrySettings(
                host="127.0.0.1",
                port=free_port(),
                health_port=free_port(),
                redis_url=url_of("registry", redis_url or own_redis),
                postgres_dsn=SecretStr(dsn),
                **{"partitions": PARTITIONS, **settings},
            )
            stop = asyncio.Event()
            registry = RunningRegistry(
                f"{'https' if complete.tls_files else 'http'}://127.0.0.1:{complete.port}",
                f"http://127.0.0.1:{complete.health_port}",
                client,
                asyncio.create_task(serve(complete, stop), name="registry"),
                stop,
            )
            started.append(registry)
            if ready:
                await registry.ready()
            return registry

        yield start
        for registry in started:
            await registry.end()


@pytest.fixture
async def registry(start_registry: StartRegistry) -> RunningRegistry:
    return await start_registry()


async def eventually(fact: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait until a fact holds; a process that must start first has seconds to import alone."""
    deadline = time.monotonic() + within
    while not await fact():
        assert time.monotonic() < deadline, f"not within {within:g} s: {fact}"
        await asyncio.sleep(0.01)
