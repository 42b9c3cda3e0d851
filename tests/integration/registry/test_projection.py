"""What the scripts do with one entry: older, equal, higher, gone."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.registry.directory.projection import AGE_SLACK_US, Projection
from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names
from tests.fixtures.redis_at import bus_to, hearing
from tests.integration.registry.conftest import eventually
from tests.integration.registry.in_redis import InRedis


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def projection(bus: Bus, names: Names, clock: Clock) -> Projection:
    return Projection(bus, names, clock)


def paired(number: int, **changes: Any) -> ChargerEntry:
    return ChargerEntry("c1", number, **{"widget": "w1", "read_at": 100.0, **changes})


# --- chargers


async def test_an_unpaired_charger_has_its_number(
    projection: Projection, in_redis: InRedis
) -> None:
    assert await projection.write_chargers([ChargerEntry("c1", 5)]) == 1
    assert await in_redis.charger("c1") == {"pairing": 5}


async def test_a_lower_number_changes_nothing(projection: Projection, in_redis: InRedis) -> None:
    await projection.write_chargers([paired(5)])
    before = await in_redis.charger("c1")
    assert await projection.write_chargers([paired(4, widget="w2")]) == 0
    assert await projection.write_chargers([ChargerEntry("c1", 4, registered=False)]) == 0
    assert await in_redis.charger("c1") == before


async def test_an_equal_number_keeps_floor_and_time(
    projection: Projection, in_redis: InRedis
) -> None:
    await in_redis.set_reading("c1", 1000, 1)
    await projection.write_chargers([paired(5)])
    before = await in_redis.charger("c1")
    await in_redis.set_reading("c1", 1000, 2)
    assert await projection.write_chargers([paired(5, age_us=10**9, floor=(9, 9))]) == 0
    assert await in_redis.charger("c1") == before
    assert before is not None
    assert before["floor"] == [1000, 1]


async def test_an_equal_number_fills_in_a_floor_that_redis_lost(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5)])
    before = await in_redis.charger("c1")
    assert before is not None
    assert "floor" not in before
    assert await projection.write_chargers([paired(5, age_us=10**9, floor=(9, 9))]) == 1
    assert await in_redis.charger("c1") == {**before, "floor": [9, 9]}


async def test_a_higher_number_replaces_pairing_floor_and_time(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5, floor=(1, 1), age_us=10**9)])
    await in_redis.set_reading("c1", 1000, 7)
    assert await projection.write_chargers([paired(6, widget="w2")]) == 1
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["pairing"], entry["widget"], entry["floor"]) == (6, "w2", [1000, 7])
    assert await in_redis.now_us() - entry["paired_at"] < 10**9


async def test_real_epochs_keep_all_their_digits(projection: Projection, in_redis: InRedis) -> None:
    epoch = 1_794_000_123_456_789
    await in_redis.set_reading("c1", epoch, 12345)
    await projection.write_chargers([paired(5)])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert entry["floor"] == [epoch, 12345]


async def test_the_floor_that_postgres_knows_comes_before_what_is_live(
    projection: Projection, in_redis: InRedis
) -> None:
    await in_redis.set_reading("c1", 1000, 7)
    await projection.write_chargers([paired(5, floor=(900, 3))])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert entry["floor"] == [900, 3]


async def test_a_charger_that_never_reported_has_the_lowest_floor_if_redis_lost_nothing(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.complete([], [])
    await in_redis.set_live("c1", {"epoch": 1000})
    await projection.write_chargers([paired(5), ChargerEntry("c2", 6, widget="w2")])
    for charger in ("c1", "c2"):
        entry = await in_redis.charger(charger)
        assert entry is not None
        assert entry["floor"] == [0, 0]


async def test_the_floor_is_unknown_while_redis_may_have_lost_it(
    projection: Projection, in_redis: InRedis
) -> None:
    await in_redis.set_live("c1", {"epoch": 1000})
    await projection.write_chargers([paired(5)])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert "floor" not in entry


async def test_the_time_of_pairing_counts_back_from_redis_clock_a_little_early(
    projection: Projection, in_redis: InRedis, clock: Clock
) -> None:
    clock.seconds = 102.0  # read two seconds ago, and five seconds old then
    before = await in_redis.now_us()
    await projection.write_chargers([paired(5, age_us=5_000_000)])
    after = await in_redis.now_us()
    entry = await in_redis.charger("c1")
    assert entry is not None
    age = 7_000_000 + AGE_SLACK_US
    assert before - age <= entry["paired_at"] <= after - age


async def test_a_paired_charger_with_a_reading_waits_for_a_router(
    projection: Projection, in_redis: InRedis
) -> None:
    for charger in ("c1", "c2"):
        await in_redis.set_reading(charger, 1000, 1)
    await in_redis.set_live("c3", {"epoch": 1})
    await projection.write_chargers(
        [paired(5), ChargerEntry("c2", 6), ChargerEntry("c3", 7, widget="w3")]
    )
    assert [await in_redis.is_pending(charger) for charger in ("c1", "c2", "c3")] == [
        True,
        False,
        False,
    ]


async def test_an_unregistered_charger_leaves_a_mark_and_nothing_else(
    projection: Projection, in_redis: InRedis
) -> None:
    await in_redis.set_reading("c1", 1000, 1)
    await projection.write_chargers([paired(5)])
    await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
    assert await in_redis.charger("c1") == {"pairing": 6, "unregistered": True}
    left = json.loads(await in_redis.live("c1") or b"")
    assert set(left) == {"epoch"}, "the reading is forgotten"
    assert left["epoch"] > 1000, "and its connection superseded"
    assert not await in_redis.is_pending("c1")


async def test_a_late_registration_does_not_undo_an_unregistration(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
    await projection.write_chargers([ChargerEntry("c1", 5)])
    assert await in_redis.charger("c1") == {"pairing": 6, "unregistered": True}


async def test_a_charger_registered_again_has_its_new_number(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([ChargerEntry("c1", 6, registered=False)])
    await projection.write_chargers([ChargerEntry("c1", 7)])
    assert await in_redis.charger("c1") == {"pairing": 7}


# --- widgets


async def test_a_changed_widget_forgets_its_status(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_widgets([WidgetEntry("w1", 5, charger="c1")])
    assert await in_redis.widget("w1") == {"pairing": 5, "charger": "c1"}
    for number, entry in [
        (6, WidgetEntry("w1", 6, charger="c2")),
        (7, WidgetEntry("w1", 7)),
        (8, WidgetEntry("w1", 8, registered=False)),
    ]:
        await in_redis.set_status("w1")
        assert await projection.write_widgets([entry]) == 1, number
        assert not await in_redis.has_status("w1"), number
    assert await in_redis.widget("w1") == {"pairing": 8, "unregistered": True}


@pytest.mark.parametrize("number", [4, 5])
async def test_an_equal_or_lower_number_leaves_widget_and_status_alone(
    projection: Projection, in_redis: InRedis, number: int
) -> None:
    await projection.write_widgets([WidgetEntry("w1", 5, charger="c1")])
    await in_redis.set_status("w1")
    assert await projection.write_widgets([WidgetEntry("w1", number)]) == 0
    assert await in_redis.widget("w1") == {"pairing": 5, "charger": "c1"}
    assert await in_redis.has_status("w1")


# --- strays


async def test_strays_go_with_all_that_hangs_on_them(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5), ChargerEntry("c2", 6)])
    await projection.write_widgets([WidgetEntry("w1", 5), WidgetEntry("w2", 7)])
    await in_redis.set_reading("c1", 1000, 1)
    await in_redis.set_pending("c1")
    await in_redis.set_status("w1")
    assert await projection.remove_strays({"w2"}, {"c2"}, 7) == 2
    assert await in_redis.charger("c1") is None
    assert await in_redis.live("c1") is None
    assert not await in_redis.is_pending("c1")
    assert await in_redis.widget("w1") is None
    assert not await in_redis.has_status("w1")
    assert await in_redis.charger("c2") == {"pairing": 6}
    assert await in_redis.widget("w2") == {"pairing": 7}


async def test_what_is_newer_than_the_snapshot_is_no_stray(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(8)])
    await projection.write_widgets([WidgetEntry("w1", 8)])
    assert await projection.remove_strays(set(), set(), 7) == 0
    assert await in_redis.charger("c1") is not None
    assert await in_redis.widget("w1") is not None


async def test_old_marks_of_unregistered_devices_are_strays(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([ChargerEntry("c1", 5, registered=False)])
    await projection.write_widgets([WidgetEntry("w1", 6, registered=False)])
    assert await projection.remove_strays(set(), set(), 6) == 2
    assert (await in_redis.charger("c1"), await in_redis.widget("w1")) == (None, None)


async def test_an_id_in_a_partition_that_is_no_longer_its_own_is_a_stray(
    projection: Projection, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    own = names.of_charger("c1")
    other = next(tag for tag in names.chargers if tag != own)
    await bus.command("HSET", other.directory, "c1", '{"pairing":5}')
    await projection.write_chargers([ChargerEntry("c1", 5)])
    assert await projection.remove_strays(set(), {"c1"}, 5) == 1
    assert await bus.command("HEXISTS", other.directory, "c1") == 0
    assert await in_redis.charger("c1") == {"pairing": 5}


async def test_thousands_of_strays_go_in_one_sweep(
    projection: Projection, in_redis: InRedis
) -> None:
    for start in range(0, 4000, 500):
        await projection.write_chargers(
            [ChargerEntry(f"c{i}", 5) for i in range(start, start + 500)]
        )
    assert await projection.remove_strays(set(), {"c7"}, 5) == 3999
    assert await in_redis.charger("c7") == {"pairing": 5}


# --- versions and doorbells


async def test_versions_exist_only_once_everything_is_there(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, [])])
    await projection.write_chargers([ChargerEntry("c1", 5)])
    assert set(await in_redis.versions()) == {None}
    assert not await projection.is_complete()
    assert await projection.complete([], ["c1"])
    assert None not in await in_redis.versions()
    assert await projection.is_complete()


async def test_half_a_directory_is_never_called_complete(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_secrets(Kind.WIDGET, [SecretsEntry("w1", 5, [])])
    await projection.write_widgets([WidgetEntry("w1", 5)])
    await projection.write_chargers([ChargerEntry("c1", 6)])
    await in_redis.empty()
    await projection.write_secrets(
        Kind.CHARGER, [SecretsEntry("c1", 6, []), SecretsEntry("c2", 7, [])]
    )
    await projection.write_chargers([ChargerEntry("c2", 7)])
    assert not await projection.complete(["w1"], ["c1", "c2"])
    assert await in_redis.version_of_charger("c1") is None
    assert not await projection.is_complete()


async def test_one_missing_version_makes_the_directory_incomplete(
    projection: Projection, bus: Bus, names: Names
) -> None:
    await projection.complete([], [])
    await bus.command("DEL", names.widgets[1].directory_version)
    assert not await projection.is_complete()


async def test_versions_grow_with_each_change_and_only_then(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.complete([], [])

    async def version() -> int:
        found = await in_redis.version_of_charger("c1")
        assert found is not None
        return found

    first = await version()
    await projection.write_chargers([ChargerEntry("c1", 5)])
    second = await version()
    await projection.write_chargers([ChargerEntry("c1", 5)])
    third = await version()
    await projection.complete([], [])
    assert first < second == third < await version()


async def test_doorbells_name_those_that_changed_and_none_when_all_may_have(
    redis_url: str, projection: Projection, names: Names
) -> None:
    charger_tag, widget_tag = names.of_charger("c1"), names.of_widget("w1")
    channels = (charger_tag.directory_changes, widget_tag.directory_changes)
    async with hearing(redis_url, *channels) as rung:
        await projection.write_chargers([ChargerEntry("c1", 5)])
        await projection.write_chargers([ChargerEntry("c1", 5)])
        await projection.write_widgets([WidgetEntry("w1", 5)])
        await projection.remove_strays(set(), {"c1"}, 5)
        await projection.complete([], [])

        async def all_heard() -> bool:
            return len(rung) == 5

        await eventually(all_heard)
    heard = [(channel, json.loads(payload)) for channel, payload in rung]
    assert sorted(heard, key=str) == sorted(
        [
            (charger_tag.directory_changes, {"ids": ["c1"]}),
            (widget_tag.directory_changes, {"ids": ["w1"]}),
            (widget_tag.directory_changes, {"ids": ["w1"]}),
            (charger_tag.directory_changes, {"ids": []}),
            (widget_tag.directory_changes, {"ids": []}),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("received_after_us", "floor"),
    [
        pytest.param(-1, [1000, 7], id="before the pairing: the last visitor's"),
        pytest.param(2 * AGE_SLACK_US, [1000, 7], id="hardly after it: may be the last visitor's"),
        pytest.param(
            1_000_000, [1000, 6], id="after it: this visitor's, stored before it came here"
        ),
    ],
)
async def test_a_reading_received_since_the_pairing_is_not_below_its_floor(
    projection: Projection, in_redis: InRedis, received_after_us: int, floor: list[int]
) -> None:
    age_us = 5_000_000
    paired_at = await in_redis.now_us() - age_us - AGE_SLACK_US
    reading = {"epoch": 1000, "revision": [1000, 7], "soc": 85}
    await in_redis.set_live("c1", {**reading, "received_at": paired_at + received_after_us})
    await projection.write_chargers([paired(5, age_us=age_us)])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert entry["floor"] == floor


async def test_what_redis_runs_late_is_not_dated_late(
    redis_url: str,
    names: Names,
    in_redis: InRedis,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = bus_to(redis_url, "late")
    run = late.run

    async def run_late(calls: Sequence[Call]) -> list[Any]:
        # A Redis that stands still has it in its buffer.
        await asyncio.sleep(0.5)
        return await run(calls)

    monkeypatch.setattr(late, "run", run_late)
    before = await in_redis.now_us()
    await Projection(late, names, clock).write_chargers([paired(5)])
    await late.close()
    after = await in_redis.now_us()
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert after - before > 500_000
    assert entry["paired_at"] <= after - 500_000 - AGE_SLACK_US
