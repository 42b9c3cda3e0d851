"""The rights in Redis that docs/operations.md lists: each is needed, and names itself if missing.

That no other is needed is shown by `test_redis_mistakes`: its hub has exactly these.
"""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import redis

from shared.bus.factory import open_bus
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import CLUSTER_RULES
from shared.process.runtime import CannotServeError
from tests.fixtures.processes import ROOT
from tests.fixtures.redis_at import RedisAt
from tests.integration.hub.redis_mistakes import ALL, PASSWORD, RIGHTS
from tools.servers.redis.server import RedisServer


@pytest.fixture
def operator(private_redis: RedisServer) -> Iterator[Any]:
    with closing(redis.Redis.from_url(private_redis.url)) as client:
        yield client


@asynccontextmanager
async def check_of(service: str, url: str) -> AsyncIterator[RedisCheck]:
    """Open a check of a service's own; ACL rules count for the next connection."""
    bus = open_bus(RedisAt(url, redis_cluster=False), "check")
    yield RedisCheck(bus=bus, rights=RIGHTS[service], agreement={"A": "1"}, rng=random.Random(1))
    await bus.close()


@pytest.mark.parametrize("service", ALL)
async def test_each_right_is_needed_and_names_itself(
    operator: Any, private_redis: RedisServer, service: str
) -> None:
    url = private_redis.url.replace("redis://", f"redis://{service}:{PASSWORD}@")
    rules = RIGHTS[service].acl_rules.split()

    def allow(without: str = "") -> None:
        left = [rule for rule in rules if rule != without]
        operator.acl_setuser(service, reset=True)
        operator.execute_command("ACL", "SETUSER", service, "on", f">{PASSWORD}", *left)

    allow()
    async with check_of(service, url) as check:
        assert await check.agree_once()
    rights = [rule for rule in rules if rule.startswith(("+", "~", "&"))]
    assert len(rights) > 20
    for right in rights:
        allow(without=right)
        async with check_of(service, url) as check:
            with pytest.raises(CannotServeError) as caught:
                await check.agree_once()
        assert f" {right} " in str(caught.value)
    # What is tried is tried on a key that never exists.
    assert operator.keys("*") == [b"chargelight:agreements"]


@pytest.mark.parametrize("service", ALL)
def test_nothing_that_a_service_does_is_left_untried(service: str) -> None:
    assert RIGHTS[service].untried() == []


def test_the_docs_list_these_rights() -> None:
    lines = (ROOT / "docs" / "operations.md").read_text("utf-8").splitlines()
    for service in ALL:
        line = f"ACL SETUSER chargelight-{service} on >PASSWORD {RIGHTS[service].acl_rules}"
        assert line in lines, f"docs/operations.md must have: {line}"
    assert any(CLUSTER_RULES in line for line in lines)
