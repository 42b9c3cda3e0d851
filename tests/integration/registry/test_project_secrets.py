"""What the scripts do with what devices may prove: their credentials."""

import asyncio
import json

import pytest

from services.registry.directory.projection import Projection
from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry
from shared.bus.bus import Bus
from shared.contract.devices import Kind
from shared.contract.names import Names
from tests.fixtures.redis_at import hearing
from tests.integration.registry.in_redis import InRedis


@pytest.fixture
def projection(bus: Bus, names: Names) -> Projection:
    return Projection(bus, names)


async def test_credentials_are_there_for_each_device_also_without_a_secret(
    projection: Projection, in_redis: InRedis
) -> None:
    entries = [SecretsEntry("c1", 5, ["ab", "cd"]), SecretsEntry("c2", 6, [])]
    assert await projection.write_secrets(Kind.CHARGER, entries) == (2, [])
    assert await projection.write_secrets(Kind.WIDGET, [SecretsEntry("c1", 7, ["ef"])]) == (
        1,
        [],
    )
    assert await projection.write_secrets(Kind.CHARGER, entries) == (0, [])
    assert await in_redis.credentials("c1") == {"number": 5, "digests": ["ab", "cd"]}
    assert await in_redis.credentials("c2") == {"number": 6, "digests": []}
    assert await in_redis.credentials("c1", Kind.WIDGET) == {"number": 7, "digests": ["ef"]}


@pytest.mark.parametrize(("number", "digests"), [(4, ["ab"]), (5, ["cd"]), (6, ["cd"])])
async def test_a_lower_number_never_replaces_secrets(
    projection: Projection, in_redis: InRedis, number: int, digests: list[str]
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, ["ab"])])
    written = await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", number, ["cd"])])
    assert written.refused == (["c1"] if number < 5 else [])
    assert await in_redis.credentials("c1") == {"number": max(number, 5), "digests": digests}


async def test_changed_secrets_ring_no_doorbell_of_the_directory(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.complete([], [])
    before = await in_redis.versions()
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, ["ab"])])
    assert await in_redis.versions() == before


@pytest.mark.parametrize("kind", Kind)
async def test_nothing_of_a_device_outlives_its_registration(
    projection: Projection, in_redis: InRedis, kind: Kind
) -> None:
    await projection.write_secrets(kind, [SecretsEntry("d1", 5, ["ab"])])
    await in_redis.set_traces(kind, "d1")
    if kind is Kind.CHARGER:
        await projection.write_chargers([ChargerEntry("d1", 5)])
        await projection.write_chargers([ChargerEntry("d1", 6, registered=False)])
    else:
        await projection.write_widgets([WidgetEntry("d1", 5)])
        await projection.write_widgets([WidgetEntry("d1", 6, registered=False)])
    assert await in_redis.credentials("d1", kind) is None
    assert await in_redis.traces(kind, "d1") == []


@pytest.mark.parametrize("kind", Kind)
async def test_a_late_end_of_a_registration_leaves_the_secrets_of_the_next_one(
    projection: Projection, in_redis: InRedis, kind: Kind
) -> None:
    # Two registries: one is about to write the new registration, the other is slower.
    await projection.write_secrets(kind, [SecretsEntry("d1", 7, ["cd"])])
    await projection.write_chargers([ChargerEntry("d1", 6, registered=False)])
    await projection.write_widgets([WidgetEntry("d1", 6, registered=False)])
    await projection.remove_strays(set(), set(), 6)
    assert await in_redis.credentials("d1", kind) == {"number": 7, "digests": ["cd"]}


@pytest.mark.parametrize("kind", Kind)
async def test_credentials_stray_alone_too(
    projection: Projection, in_redis: InRedis, kind: Kind
) -> None:
    await projection.write_secrets(kind, [SecretsEntry("d1", 5, ["ab"])])
    await projection.write_secrets(kind, [SecretsEntry("d2", 6, ["ab"])])
    await projection.remove_strays({"d2"}, {"d2"}, 9)
    assert await in_redis.credentials("d1", kind) is None
    assert await in_redis.credentials("d2", kind) is not None


async def test_a_directory_without_its_credentials_is_not_complete(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, [])])
    await in_redis.empty()
    await projection.write_chargers([ChargerEntry("c1", 5)])
    assert not await projection.complete([], ["c1"])
    assert not await projection.is_complete()


async def test_connections_of_a_former_registration_are_superseded_though_nobody_saw_it_end(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, ["ab"], 1)])
    await in_redis.set_reading("c1", 1000, 1)
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 6, ["cd"], 1)])
    assert json.loads(await in_redis.live("c1") or b"")["epoch"] == 1000, "only rotated"
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 7, [], 2)])
    live = json.loads(await in_redis.live("c1") or b"")
    assert set(live) == {"epoch"}
    assert live["epoch"] > 1000


@pytest.mark.parametrize("broken", ["oops", "[]", "7", '{"number":"9"}', "\xff"])
async def test_credentials_that_somebody_broke_are_replaced(
    projection: Projection, in_redis: InRedis, bus: Bus, names: Names, broken: str
) -> None:
    key = names.of_charger("c1").credentials
    await bus.command("HSET", key, "c1", broken.encode("latin-1"))
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, ["ab"])])
    assert await in_redis.credentials("c1") == {"number": 5, "digests": ["ab"]}
    await bus.command("HSET", key, "c1", broken.encode("latin-1"))
    await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
    assert await bus.command("HEXISTS", key, "c1") == 0
    await bus.command("HSET", key, "c1", broken.encode("latin-1"))
    await projection.remove_strays(set(), set(), 9)
    assert await bus.command("HEXISTS", key, "c1") == 0


async def test_nothing_that_is_projected_rests_on_presence_or_refusals(
    projection: Projection, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    for tag in (names.of_charger("c1"), names.of_widget("w1")):
        await bus.command("SET", tag.presence, "mine")
        await bus.command("SET", tag.rejections, "mine")
    await projection.write_chargers([ChargerEntry("c1", 5)])
    await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
    await projection.write_widgets([WidgetEntry("w1", 5)])
    await projection.write_widgets([WidgetEntry("w1", 6, registered=False)])
    unregistered = {"pairing": 6, "unregistered": True}
    assert await in_redis.charger("c1") == await in_redis.widget("w1") == unregistered
    await projection.remove_strays(set(), set(), 9)
    assert await in_redis.charger("c1") is None


@pytest.mark.parametrize("broken", ["oops", "[]", '{"pairing":"5"}', "\xff"])
async def test_entries_that_somebody_broke_are_replaced(
    projection: Projection, in_redis: InRedis, bus: Bus, names: Names, broken: str
) -> None:
    value = broken.encode("latin-1")
    chargers, widgets = names.of_charger("c1"), names.of_widget("w1")
    await bus.command("HSET", chargers.directory, "c1", value)
    await bus.command("HSET", chargers.live, "c1", value)
    await bus.command("HSET", widgets.directory, "w1", value)
    await projection.write_widgets([WidgetEntry("w1", 5)])
    await projection.write_chargers([ChargerEntry("c1", 5)])
    assert await in_redis.charger("c1") == await in_redis.widget("w1") == {"pairing": 5}


async def test_who_is_unregistered_goes_offline_and_others_hear_of_it(
    projection: Projection, redis_url: str, bus: Bus, names: Names
) -> None:
    charger, widget = names.of_charger("c1"), names.of_widget("w1")
    here = '{"gateway":"gateway-a","epoch":5,"since":7}'
    await bus.command("HSET", charger.presence, "c1", here)
    await bus.command("HSET", widget.presence, "w1", '{"gateways":{"gateway-b":9}}')
    async with hearing(redis_url, charger.presence_changes, widget.presence_changes) as events:
        await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
        await projection.write_widgets([WidgetEntry("w1", 6, registered=False)])
        async with asyncio.timeout(30):
            while len(events) < 2:  # noqa: ASYNC110 - a list rings no bell
                await asyncio.sleep(0.01)
    said = sorted((json.loads(payload) for _, payload in events), key=lambda one: "widget" in one)
    assert [each.pop("at") > 0 for each in said] == [True, True]
    assert said == [
        {"charger": "c1", "online": False, "gateway": "gateway-a"},
        {"widget": "w1", "online": False, "gateway": "gateway-b"},
    ]
