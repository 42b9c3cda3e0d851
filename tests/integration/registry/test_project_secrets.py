"""What the scripts do with what devices may prove: their credentials."""

import pytest

from services.registry.devices.devices import Kind
from services.registry.directory.projection import Projection
from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry
from shared.bus.bus import Bus
from shared.names import Names
from tests.integration.registry.in_redis import InRedis


@pytest.fixture
def projection(bus: Bus, names: Names) -> Projection:
    return Projection(bus, names)


async def test_credentials_are_there_for_each_device_also_without_a_secret(
    projection: Projection, in_redis: InRedis
) -> None:
    entries = [SecretsEntry("c1", 5, ["ab", "cd"]), SecretsEntry("c2", 6, [])]
    assert await projection.write_secrets(Kind.CHARGER, entries) == 2
    assert await projection.write_secrets(Kind.WIDGET, [SecretsEntry("c1", 7, ["ef"])]) == 1
    assert await projection.write_secrets(Kind.CHARGER, entries) == 0
    assert await in_redis.credentials("c1") == {"number": 5, "digests": ["ab", "cd"]}
    assert await in_redis.credentials("c2") == {"number": 6, "digests": []}
    assert await in_redis.credentials("c1", Kind.WIDGET) == {"number": 7, "digests": ["ef"]}


@pytest.mark.parametrize(("number", "digests"), [(4, ["ab"]), (5, ["cd"]), (6, ["cd"])])
async def test_a_lower_number_never_replaces_secrets(
    projection: Projection, in_redis: InRedis, number: int, digests: list[str]
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, ["ab"])])
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", number, ["cd"])])
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
    assert await projection.remove_strays({"d2"}, {"d2"}, 9) == 0
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
