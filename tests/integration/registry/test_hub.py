"""The hub at a glance, with processes that come, go and are killed, and servers that are away."""

from collections.abc import Callable
from typing import Any

import httpx

from services.cli.hub import screen
from shared.bus.bus import Bus
from shared.contract.names import INSTANCES, SETTLING
from tests.fixtures.hub import Hub, StartHub
from tests.fixtures.processes import ServiceProcess
from tests.integration.cli.conftest import chargelight_at
from tests.integration.registry.conftest import RunningRegistry, StartRegistry, eventually
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.server import RedisServer

SOON = 30.0
"""Seconds within which the timeline must tell: an instance is lost after 10 s."""

Glance = dict[str, Any]


async def glance(hub: Hub) -> Glance:
    answer = await hub.client.get(f"{hub.registry_url}/hub")
    assert answer.status_code == 200, answer.text
    found: Glance = answer.json()
    return found


async def shows(hub: Hub, fact: Callable[[Glance], object]) -> Glance:
    """Return what the registry sees once a fact holds there."""
    seen: Glance = {}

    async def holds() -> bool:
        nonlocal seen
        seen = await glance(hub)
        return bool(fact(seen))

    await eventually(holds, within=SOON)
    return seen


def instances(seen: Glance) -> dict[str, Any]:
    return {each["id"]: each for each in seen["instances"]}


def told(seen: Glance) -> list[tuple[str, str | None]]:
    """What the timeline tells, the oldest first."""
    return [(each["event"], each["instance"]) for each in reversed(seen["events"])]


async def test_a_whole_hub_is_on_one_screen(hub: StartHub) -> None:
    booth = await hub(gateways=1, routers=1)
    seen = await shows(
        booth,
        lambda seen: (
            len(seen["instances"]) == 3
            and all(each["ready"] for each in seen["instances"])
            and seen["instances"][1]["partitions"] == seen["partitions"]
            and seen["waiting"]["changes"] == 0
        ),
    )
    gateway, router, registry = seen["instances"]
    assert [gateway["service"], router["service"], registry["service"]] == [
        *("gateway", "router", "registry")
    ]
    assert gateway["connections"] == 0
    assert gateway["connections_max"] > 0
    assert (router["overdue"], router["overdue_seconds"]) == (0, 0)
    assert registry["connections"] >= 1  # this request's
    assert registry["id"] == seen["registry"]
    assert seen["redis"]["connected"]
    assert all(each["used_bytes"] > 0 for each in seen["redis"]["servers"])
    assert seen["postgres"]["connections"] >= 1
    assert seen["waiting"] == {
        "devices": 0,
        "unstored": 0,
        "overdue": 0,
        "overdue_seconds": 0,
        "changes": 0,
        "transitions": 0,
    }
    assert {("started", each["id"]) for each in seen["instances"]} <= set(told(seen))


async def test_a_command_shows_it_to_people_and_to_programs(hub: StartHub) -> None:
    booth = await hub(gateways=1, routers=1)
    seen = await shows(
        booth,
        lambda seen: (
            len(seen["instances"]) == 3
            and all(each["ready"] for each in seen["instances"])
            and seen["waiting"]["changes"] == 0
        ),
    )
    chargelight = chargelight_at(booth.registry_url)
    ran = await chargelight("hub")
    assert (ran.code, ran.errors) == (0, "")
    said = [line.split() for line in ran.output.splitlines()]
    assert said[0] == ["Version", seen["instances"][0]["version"]]
    assert said[1][:2] == ["Redis", "answers"]
    assert said[2][:2] == ["Postgres", "answers"]
    assert said[4] == ["Waiting", "nothing"]
    rows = {line[1]: line for line in said if len(line) > 3}
    for each in seen["instances"]:
        assert rows[each["id"]][:3] == [each["service"], each["id"], "ready"]
        assert f"{each['id']} started: {each['version']}" in ran.output
    as_json = await chargelight("hub", "--json")
    assert httpx.Response(200, text=as_json.output).json().keys() == seen.keys()


async def test_an_instance_that_is_killed_goes_and_the_timeline_tells(hub: StartHub) -> None:
    booth = await hub(gateways=2, routers=2)
    seen = await shows(booth, lambda seen: len(seen["instances"]) == 5)
    gateway, stopped = (each["id"] for each in seen["instances"][:2])

    def process_of(name: str) -> ServiceProcess:
        return next(each for each in booth.processes if name in each.log_text())

    process_of(gateway).kill()
    await process_of(stopped).terminate()
    seen = await shows(booth, lambda seen: ("lost", gateway) in told(seen))
    assert gateway not in instances(seen)
    assert stopped not in instances(seen)
    assert told(seen).count(("lost", gateway)) == 1
    assert told(seen).count(("stopped", stopped)) == 1


async def test_while_redis_is_away_the_last_lines_are_shown_with_their_age(
    hub: StartHub, private_redis: RedisServer
) -> None:
    booth = await hub(gateways=1, routers=1, redis_url=private_redis.url)
    before = await shows(
        booth,
        lambda seen: (
            len(seen["instances"]) == 3 and all(each["ready"] for each in seen["instances"])
        ),
    )
    private_redis.stop(keep_data=True)
    seen = await shows(
        booth,
        lambda seen: not seen["redis"]["connected"] and seen["redis"]["age_seconds"] > 6,
    )
    assert "Redis" in seen["redis"]["reason"]
    assert [each["limit_bytes"] for each in seen["redis"]["servers"]] == [
        each["limit_bytes"] for each in before["redis"]["servers"]
    ]
    assert instances(seen).keys() == instances(before).keys()
    gateway, _, registry = seen["instances"]
    assert gateway["ready"]  # as it said before
    assert gateway["age_seconds"] >= seen["redis"]["age_seconds"]
    assert registry["age_seconds"] == 0  # it knows that by itself
    assert set(told(before)) <= set(told(seen))
    assert screen.state_of(gateway).plain.startswith("silent for ")
    ran = await chargelight_at(booth.registry_url)("hub")
    assert ran.code == 0
    assert "Redis       away for " in ran.output
    private_redis.start()
    seen = await shows(
        booth,
        lambda seen: (
            seen["redis"]["connected"]
            and all(each["age_seconds"] < 5 for each in seen["instances"])
        ),
    )
    assert not [event for event, _ in told(seen) if event == "lost"]
    silences = [each for each in seen["events"] if each["event"] in {"silence", "redis_emptied"}]
    assert len(silences) == 1


async def test_while_postgres_is_away_it_says_so_and_the_timeline_tells(
    start_registry: StartRegistry, private_postgres: PostgresServer
) -> None:
    registry = await start_registry(postgres_dsn=private_postgres.dsn)

    async def postgres(*, connected: bool) -> Glance:
        seen: Glance = {}

        async def is_so() -> bool:
            nonlocal seen
            seen = (await registry.send("GET", "/hub")).json()
            found: bool = seen["postgres"]["connected"]
            return found is connected

        await eventually(is_so, within=SOON)
        return seen

    seen = await postgres(connected=True)
    version = seen["postgres"]["version"]
    private_postgres.stop()
    seen = await postgres(connected=False)
    assert seen["postgres"]["version"] == version
    assert seen["postgres"]["age_seconds"] >= 0
    assert "Postgres" in seen["postgres"]["reason"]

    async def is_told(event: str) -> bool:
        seen = (await registry.send("GET", "/hub")).json()
        return any(each[0] == event for each in told(seen))

    await eventually(lambda: is_told("not_ready"), within=SOON)
    private_postgres.start()
    await postgres(connected=True)
    await eventually(lambda: is_told("ready"), within=SOON)


async def test_several_registries_tell_everything_once(
    start_registry: StartRegistry, bus: Bus
) -> None:
    one = await start_registry(instance_id="registry-1")
    two = await start_registry(instance_id="registry-2")
    gone = await start_registry(instance_id="registry-3")
    await all_shown(one, 3)
    await bus.command("HDEL", INSTANCES, "registry-3")  # by hand: it comes back by itself

    async def is_back() -> bool:
        return bool(await bus.command("HEXISTS", INSTANCES, "registry-3"))

    await eventually(is_back, within=SOON)
    await all_shown(two, 3)
    await gone.end()
    await all_shown(one, 2)
    await all_shown(two, 2)
    for registry in (one, two):
        seen = (await registry.send("GET", "/hub")).json()
        came_and_went = [each for each in told(seen) if each[0] not in {"not_ready", "ready"}]
        assert sorted(came_and_went) == [
            *(("started", f"registry-{number}") for number in (1, 2, 3)),
            ("stopped", "registry-3"),
        ]
    assert await bus.command("EXISTS", SETTLING) == 0


async def all_shown(registry: RunningRegistry, count: int) -> None:
    async def is_so() -> bool:
        seen = (await registry.send("GET", "/hub")).json()
        return len(seen["instances"]) == count and None not in {
            each["ready"] for each in seen["instances"]
        }

    await eventually(is_so, within=SOON)
