"""Another user of the machine can use none of the servers that we start."""

import asyncio
import os
import pwd
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.e2e.places import PROCESSES, Places
from tests.fixtures.redis_at import address_of
from tests.integration.test_servers import need_engine
from tools.servers.credentials import ADMIN, SERVICES
from tools.servers.embedded import EmbeddedServer
from tools.servers.postgres.open import contained_postgres, embedded_postgres
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.open import contained_redis, embedded_redis
from tools.servers.redis.server import RedisServer
from tools.servers.unprivileged import USER

SECRETS = {"services' password": SERVICES.password, "the admin's password": ADMIN.password}

NAMES = ("default", "postgres", SERVICES.name, ADMIN.name)
GUESSES = [(name, password) for name in NAMES for password in ("", name)]

ONLY_FOR_THE_ADMIN = (
    *("CONFIG GET dir", "CONFIG SET dir /tmp", "MODULE LIST", "DEBUG SLEEP 0", "ACL LIST"),
    *("ACL SETUSER chargelight +@all", "REPLICAOF 127.0.0.1 1", "SAVE", "BGSAVE", "MONITOR"),
    *("MIGRATE 127.0.0.1 1 key 0 1", "CLUSTER RESET", "SHUTDOWN NOSAVE"),
)

READS_ANY_FILE = "SELECT pg_read_file('/etc/hostname')"
RUNS_A_PROGRAM = "COPY (SELECT 1) TO PROGRAM 'id'"
MAKES_A_SUPERUSER = "CREATE ROLE another SUPERUSER"


class Started(NamedTuple):
    redis: RedisServer
    postgres: PostgresServer
    places: Places
    """Where a password may have got to meanwhile."""


@pytest.fixture(scope="module", params=["embedded", "container"])
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    makes: tuple[Any, ...] = (embedded_redis, embedded_postgres)
    if request.param == "container":
        need_engine()
        makes = (contained_redis, contained_postgres)
    places = Places()
    with ExitStack() as stack:

        async def start() -> list[Any]:
            async with places.watching_command_lines():
                return [
                    stack.enter_context(closing(await asyncio.to_thread(make, "for a test")))
                    for make in makes
                ]

        redis_server, postgres = asyncio.run(start())
        yield Started(redis_server, postgres, places)


def test_nobody_gets_into_redis_without_the_password(started: Started) -> None:
    host, port = address_of(started.redis.url)
    once = Retry(NoBackoff(), 0)
    for name, password in [(None, None), *GUESSES]:
        client = redis.Redis(host, port, username=name, password=password, retry=once)
        with closing(client), pytest.raises(redis.AuthenticationError):
            client.ping()


def test_nobody_gets_into_postgres_without_the_password(started: Started) -> None:
    for user, password in GUESSES:
        dsn = make_conninfo(started.postgres.dsn, user=user, password=password, passfile="none")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(dsn, dbname="postgres").close()


def test_no_other_machine_reaches_them(started: Started) -> None:
    for url in (started.redis.url, started.postgres.dsn):
        with pytest.raises(OSError):  # noqa: PT011 - refused, or no such address on this system
            socket.create_connection(("127.0.0.2", address_of(url)[1]), timeout=5).close()


def test_services_cannot_touch_redis_itself(started: Started) -> None:
    client: Any = redis.Redis.from_url(started.redis.url)
    with closing(client):
        for command in ONLY_FOR_THE_ADMIN:
            with pytest.raises(redis.ResponseError, match=r"no permissions|not allowed"):
                client.execute_command(*command.split())
        assert client.ping()


def test_services_cannot_touch_postgres_itself(started: Started) -> None:
    with psycopg.connect(started.postgres.dsn, autocommit=True) as connection:
        for statement in (READS_ANY_FILE, RUNS_A_PROGRAM, MAKES_A_SUPERUSER):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        found = connection.execute(
            "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
            " OR rolbypassrls FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')"
        ).fetchall()
    # The latter is the owner of the database that one is in.
    assert sorted(found) == [(SERVICES.name, False), ("pg_database_owner", False)]


def test_no_password_is_in_a_command_line_or_a_log(started: Started) -> None:
    places = started.places
    if PROCESSES.exists():
        assert places.where(b"postgres"), "or this looks nowhere"
    for server in (started.redis, started.postgres):
        if isinstance(server, EmbeddedServer):
            places.add("log", server.log.read_bytes())
    assert places.traces(SECRETS) == []


def processes_of(started: Started) -> list[EmbeddedServer]:
    both: tuple[object, ...] = (started.redis, started.postgres)
    servers = [each for each in both if isinstance(each, EmbeddedServer)]
    if not servers:
        pytest.skip("their files are in containers")
    return servers


def test_only_we_get_at_their_files(started: Started) -> None:
    for folder in (server.folder for server in processes_of(started)):
        assert folder.stat().st_mode & 0o007 == 0
        for file in filter(Path.is_file, folder.rglob("*")):
            text = file.read_bytes()
            if any(secret.encode() in text for secret in SECRETS.values()):
                assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_another_program_of_the_user_that_postgres_runs_as_gets_at_nothing(
    started: Started,
) -> None:
    looked_at: list[Path] = []
    for server in processes_of(started):
        process = Path(f"/proc/{server.pid}")
        looked_at += [process / name for name in ("cwd/", "root/", "environ", "mem")]
        looked_at += [server.folder, *server.folder.iterdir()]
    # Memory that Postgres' processes share belongs to their user too.
    group = server.folder.stat().st_gid
    looked_at += [file for file in Path("/dev/shm").glob("*") if file.stat().st_gid == group]  # noqa: S108
    assert can_read(Path("/"))
    assert can_read(Path("/etc/passwd"))
    assert [path for path in looked_at if can_read(path)] == []


def can_read(path: Path) -> bool:
    """Whether the user whom Postgres runs as can, when we are root."""
    nobody = pwd.getpwnam(USER)
    command = ["ls", f"{path}/"] if path.is_dir() else ["head", "--bytes=1", str(path)]
    asked = subprocess.run(
        command,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0
