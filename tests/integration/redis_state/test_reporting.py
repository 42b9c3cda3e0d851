"""What instances say of themselves, and the timeline that comes of it, in real Redis."""

import json
import random
from typing import Any

import pytest

from services.registry.hub.redis_watch import RedisWatch
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.instances import MOST_EVENTS, Figures
from shared.contract.names import EVENTS, HEARD, INSTANCES, SETTLING, Names
from shared.reporting.reporter import Reporter
from tests.fixtures.redis_at import address_of, admin_client, bus_to
from tools.servers.credentials import SERVICES
from tools.servers.redis.server import RedisServer

LOST = 11.0
"""Seconds after which an instance is lost, and a little more."""


class Hub:
    """Instances that report when the test says so, and what Redis has of them."""

    def __init__(self, bus: Bus, client: Any) -> None:
        self.bus = bus
        self.client = client
        self.troubles: dict[str, str] = {}

    def instance(self, name: str, started_at: int = 1) -> Reporter:
        return Reporter(
            bus=self.bus,
            service="router",
            instance_id=name,
            not_ready_because=lambda: self.troubles.get(name),
            figures=lambda: Figures(partitions=5),
            rng=random.Random(1),
            started_at=started_at,
        )

    async def heard(self, name: str, seconds_ago: float) -> None:
        """Have an instance be heard of for the last time so long ago."""
        seconds, microseconds = await self.client.time()
        now = seconds * 1_000_000 + microseconds
        await self.client.zadd(HEARD, {name: now - round(seconds_ago * 1_000_000)})

    async def timeline(self) -> list[tuple[str, str, str]]:
        entries = [fields for _, fields in await self.client.xrange(EVENTS)]
        return [
            (entry[b"event"].decode(), entry[b"instance"].decode(), entry[b"detail"].decode())
            for entry in entries
        ]

    async def told(self) -> list[tuple[str, str]]:
        return [(event, instance) for event, instance, _ in await self.timeline()]

    async def names(self) -> list[str]:
        return sorted(name.decode() for name in await self.client.hkeys(INSTANCES))

    async def forget_events(self) -> None:
        await self.client.delete(EVENTS)


@pytest.fixture
def hub(bus: Bus, client: Any) -> Hub:
    return Hub(bus, client)


async def test_a_line_is_small_and_says_how_an_instance_is(hub: Hub, client: Any) -> None:
    hub.troubles["router-1"] = "no connection to redis" + "!" * 1000
    await hub.instance("router-1").report()
    line = await client.hget(INSTANCES, "router-1")
    assert len(line) < 600
    said = json.loads(line)
    assert (said["service"], said["ready"], said["partitions"]) == ("router", False, 5)
    assert said["reason"].startswith("no connection to redis!")
    assert "connections" not in said


async def test_who_comes_and_goes_is_told_once(hub: Hub) -> None:
    one, two = hub.instance("a"), hub.instance("b")
    for _ in range(3):
        await one.report()
        await two.report()
    assert await hub.told() == [("started", "a"), ("started", "b")]
    await hub.client.hset(INSTANCES, "b", "broken by hand")
    await two.leave()
    await two.leave()
    assert await hub.told() == [("started", "a"), ("started", "b"), ("stopped", "b")]
    assert await hub.names() == ["a"]


async def test_one_that_falls_silent_is_lost_and_told_by_the_first_to_notice(hub: Hub) -> None:
    killed, *others = (hub.instance(name) for name in ("a", "b", "c"))
    for each in (killed, *others):
        await each.report()
    await hub.forget_events()
    await hub.heard("a", LOST)
    for each in others * 2:
        await each.report()
    assert await hub.told() == [("lost", "a")]
    assert await hub.names() == ["b", "c"]
    await killed.report()  # it was only paused
    assert await hub.told() == [("lost", "a"), ("back", "a")]


async def test_one_that_is_started_again_under_its_name_is_told(hub: Hub) -> None:
    await hub.instance("a", started_at=1).report()
    again = hub.instance("a", started_at=2)
    await again.report()
    await again.report()
    assert await hub.told() == [("started", "a"), ("restarted", "a")]


async def test_two_processes_with_one_name_do_not_take_turns(hub: Hub) -> None:
    older, newer = hub.instance("a", started_at=1), hub.instance("a", started_at=2)
    for _ in range(3):
        await older.report()
        await newer.report()
    await older.leave()
    assert await hub.told() == [("started", "a"), ("restarted", "a")]
    assert await hub.names() == ["a"]


async def test_that_one_is_not_ready_is_told_if_it_lasts_and_so_is_its_end(hub: Hub) -> None:
    one = hub.instance("a")
    await one.report()
    hub.troubles["a"] = "a moment"
    await one.report()
    del hub.troubles["a"]
    await one.report()
    hub.troubles["a"] = "Postgres is away"
    for _ in range(3):
        await one.report()
    del hub.troubles["a"]
    for _ in range(3):
        await one.report()
    assert (await hub.timeline())[1:] == [
        ("not_ready", "a", "Postgres is away"),
        ("ready", "a", ""),
    ]


async def test_after_redis_was_away_nobody_counts_as_lost(hub: Hub, client: Any) -> None:
    instances = [hub.instance(name) for name in ("a", "b", "c")]
    for each in instances:
        await each.report()
    await hub.forget_events()
    for name in ("a", "b", "c"):
        await hub.heard(name, 20)
    hub.troubles["b"] = "no connection to redis"
    for each in instances * 3:
        await each.report()
    assert await hub.timeline() == [("silence", "", "20")]
    # It settles. What is still so then, is told.
    await client.delete(SETTLING)
    for each in instances:
        await each.report()
    assert await hub.told() == [("silence", ""), ("not_ready", "b")]


async def test_one_that_died_while_redis_was_away_is_told_later(hub: Hub, client: Any) -> None:
    one, two = hub.instance("a"), hub.instance("b")
    await one.report()
    await two.report()
    await hub.forget_events()
    await hub.heard("a", 20)
    await hub.heard("b", 20)
    await two.report()
    assert 0 < await client.pttl(SETTLING) <= 10_000
    await client.delete(SETTLING)
    await two.report()
    assert await hub.told() == [("silence", ""), ("lost", "a")]


async def test_an_emptied_redis_is_told_once(hub: Hub, client: Any) -> None:
    instances = [hub.instance(name) for name in ("a", "b", "c")]
    for each in instances:
        await each.report()
    await client.delete(INSTANCES, HEARD, EVENTS)
    for each in instances * 2:
        await each.report()
    assert await hub.told() == [("redis_emptied", "")]
    assert await hub.names() == ["a", "b", "c"]


async def test_a_clock_that_was_ahead_keeps_nobody_alive(hub: Hub) -> None:
    one = hub.instance("a")
    await one.report()
    await hub.heard("b", -3600)
    await one.report()
    await hub.heard("b", LOST)
    await one.report()
    assert await hub.told() == [("started", "a"), ("lost", "b")]


@pytest.mark.parametrize(
    "value",
    [
        *("", "{", "null", "7", '"x"', "[]", "{}", '{"started_at":"x","ready":1}', "\xff" * 9000),
        "[" * 5000,
    ],
    ids=lambda value: value[:12],
)
async def test_a_broken_line_hurts_nobody(hub: Hub, client: Any, value: str) -> None:
    one, two = hub.instance("a"), hub.instance("b")
    await one.report()
    await two.report()
    await client.hset(INSTANCES, "a", value)
    watch = RedisWatch(hub.bus, Names(3))
    await watch.look_once()
    assert watch.look is not None
    assert watch.look.instances["a"].line is None
    assert watch.look.instances["b"].line is not None
    await one.report()
    await watch.look_once()
    assert watch.look.instances["a"].line is not None


async def test_what_was_written_by_hand_goes(hub: Hub, client: Any) -> None:
    one = hub.instance("a")
    await one.report()
    await client.hset(INSTANCES, "by hand", "{}")
    await client.zadd(HEARD, {"no id at all" * 100: 1})
    await client.xadd(EVENTS, {"what": "ever"})
    await one.report()
    assert await hub.names() == ["a"]
    assert await client.zrange(HEARD, 0, -1) == [b"a"]
    watch = RedisWatch(hub.bus, Names(3))
    await watch.look_once()
    assert [event.kind for event in watch.events.values()] == ["started"]


@pytest.mark.parametrize("key", [INSTANCES, HEARD, SETTLING, EVENTS])
async def test_a_key_of_another_type_is_repaired(hub: Hub, client: Any, key: str) -> None:
    one = hub.instance("a")
    await one.report()
    await client.delete(key)
    await client.sadd(key, "x")
    await one.report()
    watch = RedisWatch(hub.bus, Names(3))
    await watch.look_once()
    assert watch.look is not None
    assert list(watch.look.instances) == ["a"]


async def test_hands_on_the_timeline_and_on_its_pause_do_not_end_it(hub: Hub, client: Any) -> None:
    one, two = hub.instance("a"), hub.instance("b")
    await one.report()
    await client.xadd(EVENTS, {"event": "x", "at": "1"}, id=f"{2**64 - 1}-{2**64 - 1}")
    await client.set(SETTLING, 1)  # for ever
    await hub.heard("c", LOST)
    await two.report()
    assert await hub.told() == [("lost", "c"), ("started", "b")]


async def test_the_timeline_is_bounded(hub: Hub, client: Any) -> None:
    one = hub.instance("a")
    for _ in range(MOST_EVENTS):
        await client.xadd(EVENTS, {"event": "ready", "instance": "x", "detail": ""})
    await one.report()
    assert await client.xlen(EVENTS) == MOST_EVENTS
    assert (await hub.told())[-1] == ("started", "a")
    assert 0 < await client.ttl(INSTANCES) <= 24 * 3600


async def test_a_registry_keeps_the_timeline_of_a_redis_that_was_emptied(
    hub: Hub, client: Any
) -> None:
    one = hub.instance("a")
    await one.report()
    watch = RedisWatch(hub.bus, Names(3))
    await watch.look_once()
    await client.delete(INSTANCES, HEARD, EVENTS)
    await one.report()
    await watch.look_once()
    assert [event.kind for event in watch.events.values()] == ["redis_emptied", "started"]


_SET_USER = ("ACL", "SETUSER", SERVICES.name)


@pytest.mark.parametrize(
    ("harm", "remedy"),
    [
        ((*_SET_USER, "-hset"), (*_SET_USER, "+hset")),
        ((*_SET_USER, "-zadd"), (*_SET_USER, "+zadd")),
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    ],
    ids=["hset", "zadd", "full"],
)
async def test_one_that_redis_lets_write_nothing_neither_fills_nor_empties_the_timeline(
    private_redis: RedisServer, harm: tuple[str, ...], remedy: tuple[str, ...]
) -> None:
    bus = bus_to(private_redis.url)
    async with admin_client(*address_of(private_redis.url), timeout_seconds=30) as admin:
        hub = Hub(bus, admin)
        one, two = hub.instance("a"), hub.instance("b")
        for each in (one, two):
            await each.report()
        await hub.heard("a", LOST)
        await two.report()
        await admin.execute_command(*harm)
        for _ in range(3):
            with pytest.raises(BusUnavailableError):
                await one.report()
        await admin.execute_command(*remedy)
        for _ in range(2):
            await one.report()
        assert (await hub.told())[2:] == [("lost", "a"), ("back", "a")]
    await bus.close()
