"""A service that Redis refuses before it serves ends with 2, and names the right or the setting."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import redis

from tests.fixtures.processes import StartService, health_url, service_command
from tests.fixtures.redis_at import address_of
from tests.integration.hub.redis_mistakes import PASSWORD
from tools.servers.credentials import SERVICES
from tools.servers.ports import free_port
from tools.servers.redis.server import RedisServer

Mistake = Callable[[Any], object]


def allow(*rules: str) -> Mistake:
    """Return what gives the user of services certain rights, and a password."""
    return lambda operator: operator.execute_command(
        "ACL", "SETUSER", "hub", "on", f">{PASSWORD}", "~*", "&*", "+@all", *rules
    )


def ask_for_no_password(operator: Any) -> None:
    operator.execute_command("ACL", "SETUSER", "default", "on", "nopass")


def config(name: str, value: str) -> Mistake:
    return lambda operator: operator.config_set(name, value)


class Row(NamedTuple):
    service: str
    make: Mistake
    login: str
    reason: str
    end: str = "/0"
    scheme: str = "redis"


LOGIN = f"hub:{PASSWORD}@"
OWN = SERVICES.at("")

ROWS = (
    Row("gateway", allow("-zadd"), LOGIN, "Redis does not give its user the right +zadd"),
    Row(
        "router", allow("-client|setname"), LOGIN, "Redis does not give its user the right +client"
    ),
    Row("registry", allow("resetkeys"), LOGIN, "right ~chargelight:check* %R~chargelight:{*}:s"),
    Row("gateway", allow("resetchannels"), LOGIN, "&chargelight:{*}:presence-changes"),
    Row("router", allow(), f"hub:not{PASSWORD}@", "the password in CHARGELIGHT_REDIS_URL"),
    Row("gateway", allow("off"), LOGIN, "or the user is disabled"),
    Row("registry", ask_for_no_password, f":{PASSWORD}@", "this Redis asks for none"),
    Row("gateway", config("requirepass", PASSWORD), "", "CHARGELIGHT_REDIS_URL has none"),
    Row("router", allow(), LOGIN, "the database that CHARGELIGHT_REDIS_URL names", "/99"),
    Row("gateway", allow(), LOGIN, "Redis does not answer with TLS", scheme="rediss"),
    Row("registry", config("maxmemory-policy", "allkeys-lru"), OWN, "Redis may evict keys"),
    Row("gateway", lambda operator: operator.replicaof("127.0.0.1", 1), OWN, "is a replica"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.service}: {row.reason}")
async def test_it_ends_with_2_and_a_reason(
    start_process: StartService, private_redis: RedisServer, postgres_dsn: str, row: Row
) -> None:
    with redis.Redis.from_url(private_redis.admin_url) as operator:
        row.make(operator)
    host, port_of_redis = address_of(private_redis.url)
    service, port = row.service.upper(), free_port()
    process = start_process(
        row.service,
        service_command(row.service),
        ready_url=health_url(port),
        settings={
            "CHARGELIGHT_REDIS_URL": f"{row.scheme}://{row.login}{host}:{port_of_redis}{row.end}",
            "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
            f"CHARGELIGHT_{service}_HEALTH_PORT": str(port),
        },
    )
    assert await process.wait() == 2
    log = process.log_text()
    assert log.count("cannot serve") == 1
    assert row.reason in log
    assert "serving" not in log
    assert PASSWORD not in log


async def test_one_that_is_full_is_waited_for(
    start_process: StartService, private_redis: RedisServer
) -> None:
    with redis.Redis.from_url(private_redis.admin_url) as operator:
        operator.config_set("maxmemory", "1")
        port = free_port()
        process = start_process(
            "router",
            service_command("router"),
            ready_url=health_url(port),
            settings={
                "CHARGELIGHT_REDIS_URL": private_redis.url,
                "CHARGELIGHT_ROUTER_HEALTH_PORT": str(port),
            },
        )
        await process.logged("Redis is full.*waiting for redis")
        operator.config_set("maxmemory", "0")
    await process.ready()
