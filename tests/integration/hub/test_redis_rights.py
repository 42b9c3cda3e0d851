"""The rights in Redis that docs/operations.md lists: each is needed, and names itself if missing.

That no other is needed is shown by `test_redis_mistakes`: its hub has exactly these.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from services.router import scripts as router_scripts
from shared.bus.factory import open_bus
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import HUB_RULE
from shared.bus.refusals.trials import untried
from shared.bus.script import Argument, Call
from shared.contract.instances import Figures
from shared.contract.names import INSTANCES, Names
from shared.process.runtime import CannotServeError
from shared.reporting.reporter import Reporter
from tests.fixtures.redis_at import RedisAt, address_of, urls_of_each
from tests.fixtures.reporting import server_options_of
from tests.integration.hub.redis_mistakes import ALL, PASSWORD, RIGHTS
from tools.servers.credentials import SERVICES
from tools.servers.redis.open import open_redis_cluster
from tools.servers.redis.server import RedisServer


@pytest.fixture
def operator(private_redis: RedisServer) -> Iterator[Any]:
    with closing(redis.Redis.from_url(private_redis.admin_url)) as client:
        yield client


@asynccontextmanager
async def check_of(
    service: str, url: str, *, is_cluster: bool = False
) -> AsyncIterator[RedisCheck]:
    """Open a check of a service's own; ACL rules count for the next connection."""
    bus = open_bus(RedisAt(url, redis_cluster=is_cluster), "check")
    yield RedisCheck(bus=bus, rights=RIGHTS[service], agreement={"A": "1"}, rng=random.Random(1))
    await bus.close()


@pytest.mark.parametrize("service", ALL)
async def test_each_right_is_needed_and_names_itself(
    operator: Any, private_redis: RedisServer, service: str
) -> None:
    host, port = address_of(private_redis.url)
    url = f"redis://{service}:{PASSWORD}@{host}:{port}/0"
    rules = RIGHTS[service].rules()

    def allow(without: str = "") -> None:
        left = [rule for rule in rules if rule != without]
        operator.acl_setuser(service, reset=True)
        operator.execute_command("ACL", "SETUSER", service, "on", f">{PASSWORD}", *left)

    allow()
    async with check_of(service, url) as check:
        assert await check.agree_once()
    rights = [rule for rule in rules if rule.startswith(("+", "~", "%", "&", "("))]
    # Without those a service does its work all the same.
    for right in RIGHTS[service].untried_rules:
        rights.remove(right)
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
async def test_without_the_right_to_report_a_service_works_and_says_so(
    operator: Any, private_redis: RedisServer, service: str
) -> None:
    host, port = address_of(private_redis.url)
    url = f"redis://{service}:{PASSWORD}@{host}:{port}/0"
    rules = RIGHTS[service].rules()
    without = [rule for rule in rules if rule != HUB_RULE]
    assert HUB_RULE in rules
    for allowed in (without, rules):
        operator.acl_setuser(service, reset=True)
        operator.execute_command("ACL", "SETUSER", service, "on", f">{PASSWORD}", *allowed)
        async with check_of(service, url) as check:
            reporter = Reporter(
                bus=check.bus,
                service=service,
                instance_id=service,
                not_ready_because=lambda: None,
                figures=Figures,
                rng=random.Random(1),
            )
            assert await check.agree_once()
            with capture_logs() as logged:
                task = asyncio.create_task(reporter.run())
                await _until(lambda: logged or operator.exists(INSTANCES))
            assert not task.done()
            task.cancel()
            assert await check.agree_once()
            assert check.not_ready_because is None
        if allowed is without:
            (line,) = (each for each in logged if each["event"].startswith("this instance cannot"))
            assert "rights" in line["reason"]
        else:
            assert logged == []
    assert operator.hkeys(INSTANCES) == [service.encode()]


async def test_a_router_with_an_older_acl_lights_all_the_same(
    operator: Any, private_redis: RedisServer
) -> None:
    names = Names(1).widgets[0]
    keys = (names.directory, names.directory_version, names.statuses, names.transitions)
    channel = names.status_channel("w1")
    words: list[Argument] = [
        "w1",
        channel,
        7,
        5,
        1,
        1,
        "c1",
        "charged",
        "the message",
        "",
    ]
    operator.hset(names.directory, "w1", '{"pairing":7,"charger":"c1"}')
    (untold,) = RIGHTS["router"].telling_rules
    rules = [rule for rule in RIGHTS["router"].rules() if rule != untold]
    operator.execute_command("ACL", "SETUSER", "router", "on", f">{PASSWORD}", *rules)
    host, port = address_of(private_redis.url)
    url = f"redis://router:{PASSWORD}@{host}:{port}/0"
    async with check_of("router", url) as check:
        assert await check.agree_once()
        ((answer,),) = await check.bus.run([Call(router_scripts.LIGHT, keys, words)])
        assert check.not_ready_because is None
    assert answer == b"lit"
    assert operator.hget(names.statuses, "w1") == b"the message"
    assert operator.xlen(names.transitions) == 1
    # Or else this would prove nothing.
    assert any(names.transitions in str(each) for each in operator.acl_log())


async def _until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not fact():  # noqa: ASYNC110 - Redis rings no bell for this
            await asyncio.sleep(0.01)


async def test_in_a_cluster_no_right_is_missing(pytestconfig: pytest.Config) -> None:
    options = server_options_of(pytestconfig)
    with closing(open_redis_cluster(options)) as cluster:
        for service in ALL:
            user = ("on", f">{PASSWORD}", *RIGHTS[service].rules(is_cluster=True))
            for url in urls_of_each(cluster.admin_url):
                client: Any = redis.Redis.from_url(url)
                with closing(client):
                    client.execute_command("ACL", "SETUSER", service, *user)
            as_service = cluster.url.replace(SERVICES.at(""), f"{service}:{PASSWORD}@")
            async with check_of(service, as_service, is_cluster=True) as check:
                assert await check.agree_once()


@pytest.mark.parametrize("service", ALL)
def test_nothing_that_a_service_does_is_left_untried(service: str) -> None:
    assert untried(RIGHTS[service]) == []
