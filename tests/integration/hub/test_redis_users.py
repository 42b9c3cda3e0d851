"""What each service's user is refused, over all names of the map; and what those of people are."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest
import redis
from redis.exceptions import NoPermissionError, ResponseError

from shared.contract.names import (
    ACCESS,
    AGREEMENTS,
    GATEWAYS,
    REFUSED,
    ROUTERS,
    Names,
    echo_channel,
    key_type,
)
from tests.fixtures.redis_at import users_in
from tools.redis_users import FOLDER, RIGHTS, files
from tools.servers.credentials import SERVICES
from tools.servers.ports import LOOPBACK
from tools.servers.redis.embedded import EmbeddedRedis
from tools.servers.redis.open import embedded_redis

CHARGERS, WIDGETS = Names(64).of_charger("c1"), Names(64).of_widget("w1")
KEYS: Final = sorted(
    {
        value
        for tag in (CHARGERS, WIDGETS)
        for value in vars(tag).values()
        if isinstance(value, str) and key_type(value)
    }
    | {ROUTERS, GATEWAYS, REFUSED}
)
CHANNELS: Final = {
    CHARGERS.readings: "readings",
    CHARGERS.directory_changes: "directory-changes",
    CHARGERS.presence_changes: "presence-changes",
    CHARGERS.commands: "commands",
    CHARGERS.command_results: "command-results",
    WIDGETS.directory_changes: "directory-changes",
    WIDGETS.presence_changes: "presence-changes",
    WIDGETS.transitions: "transitions",
    WIDGETS.status_channel("w1"): "status",
    echo_channel("one"): "chargelight-echo:*",
}
WRITES: Final[dict[str, list[list[Any]]]] = {
    "hash": [["HSET", "f", "v"]],
    "string": [["SET", "v"]],
    "zset": [["ZADD", 0, "m"]],
    "stream": [["XADD", "*", "f", "v"], ["XDEL", "0-1"]],
}
READS: Final[dict[str, list[list[Any]]]] = {
    "hash": [["HGET", "f"]],
    "string": [["GET"]],
    "zset": [["ZRANGE", 0, -1]],
    "stream": [["XRANGE", "-", "+"]],
}
OF_OTHERS: Final = (
    "foreign",
    "chargelight",
    "chargelight:",
    "chargelight:agreements:x",
    "{p00}:live",
)

_LINKED_WITHIN_SECONDS: Final = 30.0
WHAT_NOBODY_MAY: Final = (
    *("FLUSHALL", "FLUSHDB", "KEYS *", "SHUTDOWN", "CONFIG GET *", "CONFIG SET maxmemory 1"),
    *("ACL LIST", "ACL SETUSER x on", "ACL WHOAMI", "CLIENT LIST", "CLIENT KILL ID 1", "MONITOR"),
    *("EVAL return 0", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LIST", "SAVE"),
    *("REPLICAOF NO ONE", "PSUBSCRIBE *", "PUBSUB CHANNELS", "SELECT 1", "SCAN 0", "EXEC"),
    *(
        "RENAME chargelight:check:a chargelight:check:b",
        "DUMP chargelight:check",
        "MIGRATE h 1 k 0 1",
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    """A Redis with the users of ``deploy/redis/users.acl``, all with one password."""
    with closing(embedded_redis("for its users", users_in("users.acl"))) as started:
        yield started


def as_user(server: EmbeddedRedis, name: str) -> Any:
    return redis.Redis(
        port=server.port,
        username=f"chargelight-{name}",
        password=SERVICES.password,
        protocol=2,
    )


def may(client: Any, *words: Any) -> bool:
    """Try a command as a user would, and in a script, which could be a way around."""
    directly = _is_allowed(client, *words)
    if words[0] not in ("SUBSCRIBE", "EVALSHA"):
        call = ", ".join(f"'{word}'" for word in words)
        sha = client.script_load(f"return redis.call({call})")
        assert _is_allowed(client, "EVALSHA", sha, 0) == directly, words
    return directly


def _is_allowed(client: Any, *words: Any) -> bool:
    try:
        client.execute_command(*words)
    except NoPermissionError:
        return False
    except ResponseError as error:
        return "NOPERM" not in str(error) and "ACL failure" not in str(error)
    return True


def part(key: str) -> str:
    return key.rpartition(":")[2]


@pytest.mark.parametrize("service", ACCESS)
def test_a_service_reads_and_writes_what_the_map_says(server: EmbeddedRedis, service: str) -> None:
    access = ACCESS[service]
    readable = {*access.reads, *access.writes}
    with closing(as_user(server, service)) as client:
        for key in KEYS:
            kind = key_type(key) or ""
            writes = any(may(client, name, key, *rest) for name, *rest in WRITES[kind])
            assert writes == (part(key) in access.writes), f"{service} writes {key}: {writes}"
            reads = any(may(client, name, key, *rest) for name, *rest in READS[kind])
            # A service may lack the command because no script of it reads that type.
            assert not reads or part(key) in readable, f"{service} reads {key}"
            removes = may(client, "DEL", key)
            assert removes == (part(key) in {*access.writes, *access.removes}), key


@pytest.mark.parametrize("service", ACCESS)
def test_a_service_publishes_and_hears_what_the_map_says(
    server: EmbeddedRedis, service: str
) -> None:
    access = ACCESS[service]
    with closing(as_user(server, service)) as client:
        for channel, end in CHANNELS.items():
            publishes = any(
                pattern.endswith(end) for pattern in (*access.publishes, *access.may_publish)
            )
            assert may(client, "PUBLISH", channel, "m") == publishes, (service, channel)
            hears = any(pattern.endswith(end) for pattern in (*access.hears, *access.may_hear))
            with closing(as_user(server, service)) as listening:
                assert may(listening, "SUBSCRIBE", channel) == hears, (service, channel)


@pytest.mark.parametrize("service", ACCESS)
def test_a_service_may_nothing_else(server: EmbeddedRedis, service: str) -> None:
    with closing(as_user(server, service)) as client:
        for command in WHAT_NOBODY_MAY:
            assert not _is_allowed(client, *command.split()), f"{service} may {command}"
        for key in OF_OTHERS:
            assert not may(client, "HSET", key, "f", "v"), key
            assert not may(client, "DEL", key), key
        assert not may(client, "HSET", AGREEMENTS, "f", "v")
        # The key of digests is changed by the registry.
        assert may(client, "HDEL", AGREEMENTS, "f") == (service == "registry")
        assert not may(client, "DEL", AGREEMENTS)
        assert may(client, "HGET", AGREEMENTS, "f")


def test_the_rows_that_matter_most(server: EmbeddedRedis) -> None:
    """In words that do not come from the map."""
    with (
        closing(as_user(server, "gateway")) as gateway,
        closing(as_user(server, "router")) as router,
        closing(as_user(server, "registry")) as registry,
    ):
        directory, status = "chargelight:{p07}:directory", "chargelight:{w40}:widget:wABCD:status"
        assert not may(gateway, "HSET", directory, "c1", "{}")
        assert not may(gateway, "DEL", directory)
        assert not may(gateway, "HSET", "chargelight:{w40}:credentials", "w1", "{}")
        assert not may(gateway, "HSET", "chargelight:{w40}:statuses", "w1", "{}")
        assert not may(gateway, "PUBLISH", status, "m")
        assert not may(router, "HSET", directory, "c1", "{}")
        assert not may(router, "HGET", "chargelight:{p07}:credentials", "c1")
        assert not may(router, "HSET", "chargelight:{p07}:live", "c1", "{}")
        assert not may(registry, "PUBLISH", status, "m")
        assert not may(registry, "HSET", "chargelight:{w40}:statuses", "w1", "{}")
        assert not may(registry, "PUBLISH", "chargelight:{p07}:readings", "m")


@pytest.mark.parametrize("file", files())
def test_who_names_no_user_gets_nothing(server: EmbeddedRedis, file: str) -> None:
    lines = (FOLDER / file).read_text("utf-8").splitlines()
    (rules,) = (line.split()[2:] for line in lines if line.startswith("user default "))

    def ask() -> None:
        with closing(redis.Redis(port=server.port)) as nobody:
            nobody.ping()

    admin: Any = redis.Redis.from_url(server.admin_url)
    with closing(admin):
        # As Redis has it by itself.
        admin.execute_command("ACL", "SETUSER", "default", "on", "nopass", "~*", "&*", "+@all")
        ask()
        admin.execute_command("ACL", "SETUSER", "default", *rules)
    with pytest.raises(redis.AuthenticationError):
        ask()


def test_who_looks_inside_sees_all_but_credentials_and_changes_nothing(
    server: EmbeddedRedis,
) -> None:
    with closing(as_user(server, "operator")) as operator:
        for key in KEYS:
            kind = key_type(key) or ""
            (name, *rest), *_ = READS[kind]
            assert _is_allowed(operator, name, key, *rest) == (part(key) != "credentials"), key
            assert not any(_is_allowed(operator, n, key, *rest) for n, *rest in WRITES[kind])
            assert not _is_allowed(operator, "DEL", key)
        assert _is_allowed(operator, "HDEL", AGREEMENTS, "f")
        assert not _is_allowed(operator, "HSET", AGREEMENTS, "f", "v")
        for command in ("PUBSUB CHANNELS", "SCAN 0", "CLIENT LIST", "DBSIZE", "INFO"):
            assert _is_allowed(operator, *command.split()), command
        for command in ("CONFIG GET *", "ACL LIST", "FLUSHALL", "KEYS *", "PUBLISH a b"):
            assert not _is_allowed(operator, *command.split()), command


def test_a_metrics_exporter_sees_figures_only(server: EmbeddedRedis) -> None:
    with closing(as_user(server, "monitor")) as monitor:
        assert _is_allowed(monitor, "INFO")
        for key in KEYS:
            assert not _is_allowed(monitor, "TYPE", key)
        for command in ("CONFIG GET *", "SLOWLOG GET", "CLIENT LIST", "PUBLISH a b", "SCAN 0"):
            assert not _is_allowed(monitor, *command.split()), command


def test_a_replica_gets_its_primarys_data_and_may_nothing_else(server: EmbeddedRedis) -> None:
    settings = (
        f"replicaof {LOOPBACK} {server.port}",
        "masteruser chargelight-replica",
        f"masterauth {SERVICES.password}",
    )
    with closing(embedded_redis("for a replica", settings)) as replica:
        admin: Any = redis.Redis.from_url(replica.admin_url, decode_responses=True)
        with closing(admin):
            deadline = time.monotonic() + _LINKED_WITHIN_SECONDS
            while (link := admin.info("replication")["master_link_status"]) != "up":
                assert time.monotonic() < deadline, link
                time.sleep(0.05)
    with closing(as_user(server, "replica")) as client:
        for key in KEYS:
            assert not _is_allowed(client, "TYPE", key)
        for command in ("INFO", "CONFIG GET *", "SCAN 0", "PUBLISH a b", "SUBSCRIBE a", "ACL LIST"):
            assert not _is_allowed(client, *command.split()), command


def test_the_files_are_what_the_command_writes() -> None:
    for name, text in files().items():
        assert (FOLDER / name).read_text("utf-8") == text, "run: python -m tools.redis_users"
    assert set(RIGHTS) == set(ACCESS)
