"""The registry as a process: settings, signals, exit codes."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fixtures.fault_proxy import HOST, FaultProxy, stalling_proxy
from tests.fixtures.processes import ServiceProcess, StartService, health_url, service_command
from tests.fixtures.redis_at import address_of, settings_for, url_at
from tests.integration.registry.conftest import eventually
from tools.servers.ports import free_port
from tools.servers.postgres.server import PostgresServer

Start = Callable[..., ServiceProcess]
Import = asyncio.Task[httpx.Response]


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: a process makes them when it starts."""
    return empty_postgres_dsn


@pytest.fixture
def start(start_process: StartService, redis_url: str, postgres_dsn: str) -> Start:
    def start(**settings: str) -> ServiceProcess:
        health_port = free_port()
        return start_process(
            f"registry-{health_port}",
            service_command("registry"),
            ready_url=health_url(health_port),
            settings={
                **settings_for(redis_url),
                "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
                "CHARGELIGHT_REGISTRY_HOST": "127.0.0.1",
                "CHARGELIGHT_REGISTRY_PORT": str(free_port()),
                "CHARGELIGHT_REGISTRY_HEALTH_PORT": str(health_port),
                **settings,
            },
        )

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(start: Start, number: signal.Signals) -> None:
    process = start()
    await process.ready()
    process._process.send(number)
    assert await process.wait() == 0
    assert "stopped" in process.log_text()


async def test_it_ends_with_0_also_while_a_request_waits(start: Start) -> None:
    port = free_port()
    process = start(
        CHARGELIGHT_REGISTRY_PORT=str(port),
        CHARGELIGHT_POSTGRES_DSN=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
    )
    await process.logged("postgres is away")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"PUT /chargers/c1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        assert await process.terminate() == 0


async def test_it_ends_with_0_also_while_a_client_watches(start: Start) -> None:
    port = free_port()
    process = start(CHARGELIGHT_REGISTRY_PORT=str(port))
    await process.ready()
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/live") as answer,
    ):
        lines = aiter(answer.aiter_lines())
        assert await anext(lines) == "event: hub"
        assert await process.terminate() == 0
        # What is not whole is an error to the client.
        assert [line async for line in lines if line.startswith("event:")] == []


async def test_it_ends_with_0_while_redis_is_away(start: Start) -> None:
    process = start(CHARGELIGHT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    await process.logged("waiting for redis")
    assert await process.terminate() == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHARGELIGHT_REGISTRY_PORT", "many"),
        ("CHARGELIGHT_REGISTRY_PROT", "3300"),
        ("CHARGELIGHT_REGISTRY_POLL_SECONDS", "0"),
        ("CHARGELIGHT_POSTGRES_DSN", "postgresql://me:opensesame@[/x"),
        ("CHARGELIGHT_POSTGRES_DSN", "opensesame"),
    ],
)
async def test_wrong_settings_end_it_with_2_and_are_named(
    start: Start, name: str, value: str
) -> None:
    process = start(**{name: value})
    assert await process.wait() == 2
    assert name in process.log_text()
    assert "opensesame" not in process.log_text()


async def test_another_number_of_partitions_ends_it_with_2(start: Start) -> None:
    await start(CHARGELIGHT_PARTITIONS="3").ready()
    other = start(CHARGELIGHT_PARTITIONS="4")
    assert await other.wait() == 2
    assert other.log_text().count("cannot serve") == 1
    assert "CHARGELIGHT_PARTITIONS" in other.log_text()


async def test_another_credential_key_ends_it_with_2_and_is_not_quoted(start: Start) -> None:
    await start(CHARGELIGHT_CREDENTIAL_KEY="opensesame" * 4).ready()
    await start().ready()  # one without a key is welcome
    other = start(CHARGELIGHT_CREDENTIAL_KEY="sesameopen" * 4)
    assert await other.wait() == 2
    assert "CHARGELIGHT_CREDENTIAL_KEY" in other.log_text()
    assert "opensesame" not in other.log_text()


async def test_a_taken_port_ends_it_with_2_and_is_named(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(CHARGELIGHT_REGISTRY_PORT=str(port))
        assert await process.wait() == 2
    assert str(port) in process.log_text()
    assert "Traceback" not in process.log_text()


async def test_a_user_who_may_not_make_tables_ends_it_with_2_and_advice(
    start: Start, postgres_admin_dsn: str
) -> None:
    dsn = make_conninfo(postgres_admin_dsn, options="-c role=pg_read_all_data")
    process = start(CHARGELIGHT_POSTGRES_DSN=dsn)
    assert await process.wait() == 2
    assert "Let their owner make them: chargelight-registry migrate" in process.log_text()


# --- Stopping always ends.

GRACE_SECONDS = 10
"""What docker-compose.yml gives a registry."""


def through(proxy: FaultProxy, dsn: str) -> str:
    return make_conninfo(dsn, host=HOST, port=proxy.port)


@contextlib.asynccontextmanager
async def before(address: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the server of a Postgres or Redis address."""
    if address.startswith("redis:"):
        host, port = address_of(address)
    else:
        where = conninfo_to_dict(address)
        host, port = str(where["host"]), int(str(where["port"]))
    async with stalling_proxy(host, port) as proxy:
        yield proxy


async def is_waiting_for_a_lock(psql: AsyncConnection) -> None:
    """Wait until someone waits for a lock that this transaction has."""
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'chargers'::regclass)"
    )

    async def is_there() -> bool:
        found = await (await psql.execute(waiting)).fetchone()
        return found == (True,)

    await eventually(is_there)


async def end_in_time(process: ServiceProcess, *, signals: int = 1) -> None:
    for _ in range(signals - 1):
        process._process.send(signal.SIGTERM)
    assert await process.terminate(timeout_seconds=GRACE_SECONDS) == 0
    assert "did not stop in time" not in process.log_text()


@pytest.mark.parametrize("signals", [1, 3])
async def test_it_ends_in_time_while_postgres_hangs_in_the_middle_of_everything(
    start: Start, postgres_dsn: str, signals: int
) -> None:
    port = free_port()
    rows = "kind,id\n" + "".join(f"charger,c{i}\n" for i in range(20_000))
    async with before(postgres_dsn) as proxy, httpx.AsyncClient(trust_env=False) as client:
        process = start(
            CHARGELIGHT_REGISTRY_PORT=str(port),
            CHARGELIGHT_POSTGRES_DSN=through(proxy, postgres_dsn),
        )
        await process.ready()
        url = f"http://127.0.0.1:{port}"
        requests = [
            client.post(f"{url}/import", content=rows, headers={"content-type": "text/csv"}),
            client.put(f"{url}/widgets/w1", json={}),
            client.get(f"{url}/chargers"),
        ]
        waiting = [asyncio.create_task(each) for each in requests]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        proxy.stall()
        waiting.append(asyncio.create_task(client.get(f"{url}/widgets")))
        await asyncio.sleep(0.5)  # so that each waits for an answer of Postgres
        await end_in_time(process, signals=signals)
        await asyncio.gather(*waiting, return_exceptions=True)


@contextlib.asynccontextmanager
async def importing(
    process: ServiceProcess, port: int, wait: asyncio.Event
) -> AsyncIterator[Import]:
    """An import that a registry has read, but for its end until ``wait`` is set."""
    is_sent = asyncio.Event()

    async def rows() -> AsyncIterator[bytes]:
        yield b"kind,id\n"
        yield b"".join(b"charger,c%d\n" % number for number in range(2_000))
        is_sent.set()
        await wait.wait()

    await process.ready()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        url = f"http://127.0.0.1:{port}/import"
        headers = {"content-type": "text/csv"}
        answer = asyncio.create_task(client.post(url, content=rows(), headers=headers))
        await is_sent.wait()
        yield answer
        wait.set()
        await asyncio.gather(answer, return_exceptions=True)


@pytest.mark.parametrize("where", ["while it is read", "while it is applied"])
async def test_it_ends_in_time_in_the_middle_of_an_import_and_takes_none_of_it(
    start: Start, postgres_dsn: str, where: str
) -> None:
    port, wait = free_port(), asyncio.Event()
    process = start(CHARGELIGHT_REGISTRY_PORT=str(port))
    async with (
        importing(process, port, wait) as answer,
        await AsyncConnection.connect(postgres_dsn) as psql,
    ):
        if where == "while it is applied":
            await psql.execute("LOCK TABLE chargers IN ACCESS EXCLUSIVE MODE")
            wait.set()
            await is_waiting_for_a_lock(psql)
        await end_in_time(process)
        wait.set()
        refused = await answer
        assert refused.status_code == 503
        # The lock may be given up first.
        assert refused.json()["type"].rpartition(":")[2] in {"stopping", "directory-busy"}
        assert await (await psql.execute("SELECT count(*) FROM chargers")).fetchone() == (0,)
    assert "Traceback" not in process.log_text()


async def test_an_import_that_is_done_is_answered_so_also_while_it_stops(
    start: Start, redis_url: str
) -> None:
    port, wait = free_port(), asyncio.Event()
    async with before(redis_url) as proxy:
        process = start(
            CHARGELIGHT_REGISTRY_PORT=str(port),
            CHARGELIGHT_REDIS_URL=url_at(redis_url, proxy.port),
        )
        async with importing(process, port, wait) as answer:
            proxy.stall()
            wait.set()
            await process.logged("imported")
            await end_in_time(process)
            did = (await answer).json()
    assert (did["created"], did["projected"]) == (2_000, False)


@pytest.mark.parametrize("which", ["Postgres", "Redis"])
async def test_it_ends_in_time_while_what_it_starts_with_hangs(
    start: Start, postgres_dsn: str, redis_url: str, which: str
) -> None:
    async with before(postgres_dsn if which == "Postgres" else redis_url) as proxy:
        proxy.stall()
        if which == "Postgres":
            process = start(CHARGELIGHT_POSTGRES_DSN=through(proxy, postgres_dsn))
        else:
            process = start(CHARGELIGHT_REDIS_URL=url_at(redis_url, proxy.port))
        await process.logged("serving")
        await asyncio.sleep(0.5)
        await end_in_time(process)


async def test_it_ends_in_time_while_redis_hangs_and_a_table_is_locked(
    start: Start, postgres_dsn: str, redis_url: str
) -> None:
    port = free_port()
    async with (
        before(redis_url) as proxy,
        httpx.AsyncClient(trust_env=False) as client,
        await AsyncConnection.connect(postgres_dsn) as psql,
    ):
        process = start(
            CHARGELIGHT_REGISTRY_PORT=str(port),
            CHARGELIGHT_REDIS_URL=url_at(redis_url, proxy.port),
        )
        await process.ready()
        await psql.execute("LOCK TABLE chargers IN ACCESS EXCLUSIVE MODE")
        proxy.stall()
        asking = [
            asyncio.create_task(client.get(f"http://127.0.0.1:{port}{path}"))
            for path in ("/chargers", "/chargers/c1/explanation")
        ]
        await asyncio.sleep(0.5)
        await end_in_time(process)
        await asyncio.gather(*asking, return_exceptions=True)


async def test_the_password_is_not_logged(start: Start, private_postgres: PostgresServer) -> None:
    dsn = private_postgres.dsn
    password = str(conninfo_to_dict(dsn)["password"])
    process = start(CHARGELIGHT_POSTGRES_DSN=dsn, CHARGELIGHT_LOG_LEVEL="debug")
    await process.ready()
    private_postgres.stop()
    await process.logged("postgres is away")
    private_postgres.start()
    await process.ready()
    assert await process.terminate() == 0
    assert password not in process.log_text()


async def test_it_serves_and_recovers_under_its_own_event_loop(
    start: Start, private_postgres: PostgresServer
) -> None:
    port = free_port()
    process = start(
        CHARGELIGHT_REGISTRY_PORT=str(port), CHARGELIGHT_POSTGRES_DSN=private_postgres.dsn
    )
    await process.ready()
    url = f"http://127.0.0.1:{port}/chargers/c1"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.put(url, json={})).status_code == 201
        private_postgres.kill()
        assert (await client.get(url)).status_code == 503
        private_postgres.start()
        await process.ready()
        found = await client.put(url, json={})
        assert (found.status_code, found.json()["projected"]) == (200, True)
    assert await process.terminate() == 0
