"""What the scripts do with one entry: older, equal, higher, gone."""

import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from services.gateway import scripts as gateway
from services.registry.directory.projection import Projection, Written
from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names
from tests.fixtures.redis_at import bus_to, hearing
from tests.integration.registry.conftest import eventually
from tests.integration.registry.in_redis import InRedis

TOKEN = "9f2c7a1b4e0d3c55"
OTHER_TOKEN = "0123456789abcdef"
SECOND = 1_000_000


@pytest.fixture
def projection(bus: Bus, names: Names) -> Projection:
    return Projection(bus, names)


def paired(number: int, **changes: Any) -> ChargerEntry:
    pairing = {"widget": "w1", "token": TOKEN, "read_at": time.monotonic()}
    return ChargerEntry("c1", number, **{**pairing, **changes})


# --- chargers


async def test_an_unpaired_charger_has_its_number(
    projection: Projection, in_redis: InRedis
) -> None:
    assert await projection.write_chargers([ChargerEntry("c1", 5)]) == (1, [])
    assert await in_redis.charger("c1") == {"pairing": 5}


async def test_a_paired_charger_has_number_token_time_and_widget_in_this_order(
    projection: Projection, bus: Bus, names: Names
) -> None:
    await projection.write_chargers([paired(5)])
    raw: bytes = await bus.command("HGET", names.of_charger("c1").directory, "c1")
    assert raw.startswith(f'{{"pairing":5,"token":"{TOKEN}","paired_at":'.encode())
    assert raw.endswith(b',"widget":"w1"}')


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(paired(4), id="a lower number"),
        pytest.param(ChargerEntry("c1", 4, registered=False), id="unregistered before"),
        pytest.param(paired(5, widget="w2"), id="another widget under this number"),
        pytest.param(paired(5, token=OTHER_TOKEN), id="another token under this number"),
        pytest.param(ChargerEntry("c1", 5), id="unpaired under this number"),
        pytest.param(ChargerEntry("c1", 5, registered=False), id="gone under this number"),
    ],
)
async def test_what_is_newer_or_other_under_the_same_number_stays_and_is_told(
    projection: Projection, in_redis: InRedis, entry: ChargerEntry
) -> None:
    await projection.write_chargers([paired(5)])
    before = await in_redis.charger("c1")
    assert await projection.write_chargers([entry]) == (0, ["c1"])
    assert await in_redis.charger("c1") == before


async def test_a_higher_number_replaces_the_pairing_and_its_time(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5, age_us=1000 * SECOND)])
    higher = paired(6, widget="w2", token=OTHER_TOKEN)
    assert await projection.write_chargers([higher]) == (1, [])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["pairing"], entry["widget"], entry["token"]) == (6, "w2", OTHER_TOKEN)
    assert await in_redis.now_us() - entry["paired_at"] < 1000 * SECOND


async def test_an_entry_of_an_earlier_version_is_written_anew(
    projection: Projection, in_redis: InRedis
) -> None:
    old = {"pairing": 5, "widget": "w1", "floor": [0, 0], "paired_at": 1}
    await in_redis.set_charger("c1", old)
    assert await projection.write_chargers([paired(5)]) == (1, [])
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["token"], "floor" in entry) == (TOKEN, False)


async def test_a_pairing_is_dated_by_its_age_and_redis_clock(
    projection: Projection, in_redis: InRedis
) -> None:
    before = await in_redis.now_us()
    # Read two seconds ago, and five seconds old then.
    entry = paired(5, age_us=5 * SECOND, read_at=time.monotonic() - 2)
    await projection.write_chargers([entry])
    after = await in_redis.now_us()
    stored = await in_redis.charger("c1")
    assert stored is not None
    assert before - 7 * SECOND <= stored["paired_at"] <= after - 7 * SECOND


async def test_the_same_pairing_only_ever_becomes_older_and_no_doorbell_is_rung(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.complete([], [])
    await projection.write_chargers([paired(5, age_us=5 * SECOND)])
    first, version = await in_redis.charger("c1"), await in_redis.version_of_charger("c1")
    assert first is not None
    for age_us, expected in [(SECOND, 0), (9 * SECOND, -4 * SECOND), (2 * SECOND, -4 * SECOND)]:
        assert await projection.write_chargers([paired(5, age_us=age_us)]) == (0, [])
        entry = await in_redis.charger("c1")
        assert entry is not None
        assert abs(entry.pop("paired_at") - first["paired_at"] - expected) < SECOND
        assert entry == {"pairing": 5, "token": TOKEN, "widget": "w1"}
    assert await in_redis.version_of_charger("c1") == version


async def test_a_time_of_pairing_from_the_future_is_mended(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5)])
    entry = await in_redis.charger("c1")
    for broken in (await in_redis.now_us() + 3600 * SECOND, 2**53, None, "soon"):
        await in_redis.set_charger("c1", {**(entry or {}), "paired_at": broken})
        assert (await projection.write_chargers([paired(5)])).refused == []
        after = await in_redis.charger("c1")
        assert after is not None
        assert after["paired_at"] <= await in_redis.now_us()


async def test_a_paired_charger_with_a_reading_waits_for_a_router(
    projection: Projection, in_redis: InRedis
) -> None:
    for charger in ("c1", "c2"):
        await in_redis.set_reading(charger, 1000, 1)
    await in_redis.set_live("c3", {"epoch": 1})
    await projection.write_chargers(
        [paired(5), ChargerEntry("c2", 6), ChargerEntry("c3", 7, widget="w3", token=TOKEN)]
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
        assert await projection.write_widgets([entry]) == (1, []), number
        assert not await in_redis.has_status("w1"), number
    assert await in_redis.widget("w1") == {"pairing": 8, "unregistered": True}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(WidgetEntry("w1", 4, charger="c1"), id="a lower number"),
        pytest.param(WidgetEntry("w1", 5), id="unpaired under this number"),
        pytest.param(WidgetEntry("w1", 5, charger="c2"), id="another charger under this number"),
        pytest.param(WidgetEntry("w1", 5, registered=False), id="gone under this number"),
    ],
)
async def test_a_widget_that_is_newer_or_other_under_the_same_number_stays_and_is_told(
    projection: Projection, in_redis: InRedis, entry: WidgetEntry
) -> None:
    await projection.write_widgets([WidgetEntry("w1", 5, charger="c1")])
    await in_redis.set_status("w1")
    assert await projection.write_widgets([entry]) == (0, ["w1"])
    assert await in_redis.widget("w1") == {"pairing": 5, "charger": "c1"}
    assert await in_redis.has_status("w1")


async def test_an_equal_widget_is_left_alone(projection: Projection, in_redis: InRedis) -> None:
    await projection.write_widgets([WidgetEntry("w1", 5, charger="c1")])
    await in_redis.set_status("w1")
    assert await projection.write_widgets([WidgetEntry("w1", 5, charger="c1")]) == (0, [])
    assert await in_redis.has_status("w1")


# --- strays


async def removed(removing: Awaitable[dict[Kind, Written]]) -> int:
    return sum(written.changed for written in (await removing).values())


async def test_strays_are_marked_as_unregistered_and_go_with_all_that_hangs_on_them(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(5), ChargerEntry("c2", 6)])
    await projection.write_widgets([WidgetEntry("w1", 5), WidgetEntry("w2", 7)])
    await in_redis.set_reading("c1", 1000, 1)
    await in_redis.set_pending("c1")
    await in_redis.set_status("w1")
    assert await removed(projection.remove_strays({"w2"}, {"c2"}, 7)) == 2
    marked = {"pairing": 5, "unregistered": True}
    assert await in_redis.charger("c1") == await in_redis.widget("w1") == marked
    assert await in_redis.live("c1") is None
    assert not await in_redis.is_pending("c1")
    assert not await in_redis.has_status("w1")
    assert await removed(projection.remove_strays({"w2"}, {"c2"}, 7)) == 2
    assert await in_redis.charger("c1") is None
    assert await in_redis.widget("w1") is None
    assert await in_redis.charger("c2") == {"pairing": 6}
    assert await in_redis.widget("w2") == {"pairing": 7}


async def test_what_is_newer_than_the_snapshot_is_no_stray(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([paired(8)])
    await projection.write_widgets([WidgetEntry("w1", 8)])
    assert await removed(projection.remove_strays(set(), set(), 7)) == 0
    assert await in_redis.charger("c1") is not None
    assert await in_redis.widget("w1") is not None


async def test_old_marks_of_unregistered_devices_are_strays(
    projection: Projection, in_redis: InRedis
) -> None:
    await projection.write_chargers([ChargerEntry("c1", 5, registered=False)])
    await projection.write_widgets([WidgetEntry("w1", 6, registered=False)])
    assert await removed(projection.remove_strays(set(), set(), 6)) == 2
    assert (await in_redis.charger("c1"), await in_redis.widget("w1")) == (None, None)


@pytest.mark.parametrize("junk", [b"\xff", b"\xc3\xa4", b"a b"])
async def test_an_id_that_can_be_none_is_a_stray(
    projection: Projection, bus: Bus, names: Names, junk: bytes
) -> None:
    directory = names.chargers[0].directory
    await bus.command("HSET", directory, junk, "junk")
    assert await removed(projection.remove_strays(set(), set(), 5)) == 1
    assert await bus.command("HEXISTS", directory, junk) == 0


async def test_an_id_in_a_partition_that_is_no_longer_its_own_is_a_stray(
    projection: Projection, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    own = names.of_charger("c1")
    other = next(tag for tag in names.chargers if tag != own)
    await bus.command("HSET", other.directory, "c1", '{"pairing":5}')
    await projection.write_chargers([ChargerEntry("c1", 5)])
    for _ in range(2):
        assert await removed(projection.remove_strays(set(), {"c1"}, 5)) == 1
    assert await bus.command("HEXISTS", other.directory, "c1") == 0
    assert await in_redis.charger("c1") == {"pairing": 5}


async def test_thousands_of_strays_go_in_one_sweep(
    projection: Projection, in_redis: InRedis
) -> None:
    for start in range(0, 4000, 500):
        await projection.write_chargers(
            [ChargerEntry(f"c{i}", 5) for i in range(start, start + 500)]
        )
    for _ in range(2):
        assert await removed(projection.remove_strays(set(), {"c7"}, 5)) == 3999
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


async def test_every_script_keeps_count_of_the_entries(
    projection: Projection, bus: Bus, names: Names
) -> None:
    ids = [f"d{i}" for i in range(12)]

    async def counts_are_right() -> None:
        for tag in (*names.chargers, *names.widgets):
            version: bytes = await bus.command("GET", tag.directory_version)
            assert int(version.split(b":")[1]) == await bus.command("HLEN", tag.directory)
        assert await projection.is_complete()

    for kind in Kind:
        await projection.write_secrets(kind, [SecretsEntry(i, 5, []) for i in ids])
    await projection.write_chargers([ChargerEntry(i, 5) for i in ids[:6]])
    await projection.write_widgets([WidgetEntry(i, 5) for i in ids[:6]])
    assert await projection.complete(ids[:6], ids[:6])
    await counts_are_right()
    for number in (6, 7):
        await projection.write_chargers([ChargerEntry(i, number) for i in ids])
        await projection.write_widgets([WidgetEntry(i, number) for i in ids])
        await counts_are_right()
    await projection.write_chargers([ChargerEntry(i, 8, registered=False) for i in ids[:3]])
    await projection.write_widgets([WidgetEntry(i, 8, registered=False) for i in ids[:3]])
    await counts_are_right()
    for _ in range(2):
        assert await removed(projection.remove_strays(set(ids[8:]), set(ids[8:]), 8)) > 0
        await counts_are_right()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("how", ["one entry", "the directory", "all credentials", "one too many"])
async def test_a_directory_that_somebody_changed_is_not_complete(
    projection: Projection, bus: Bus, names: Names, kind: Kind, how: str
) -> None:
    await projection.write_secrets(kind, [SecretsEntry("d1", 5, [])])
    await projection.write_chargers([ChargerEntry("d1", 5)] if kind is Kind.CHARGER else [])
    await projection.write_widgets([WidgetEntry("d1", 5)] if kind is Kind.WIDGET else [])
    await projection.complete([], [])
    assert await projection.is_complete()
    tag = names.of_charger("d1") if kind is Kind.CHARGER else names.of_widget("d1")
    match how:
        case "one entry":
            await bus.command("HDEL", tag.directory, "d1")
        case "the directory":
            await bus.command("DEL", tag.directory)
        case "all credentials":
            await bus.command("DEL", tag.credentials)
        case _:
            await bus.command("HSET", tag.directory, "d2", '{"pairing":5}')
    assert not await projection.is_complete()
    await projection.write_secrets(kind, [SecretsEntry("d1", 5, [])])
    await projection.write_chargers([ChargerEntry("d1", 5)] if kind is Kind.CHARGER else [])
    await projection.write_widgets([WidgetEntry("d1", 5)] if kind is Kind.WIDGET else [])
    await projection.remove_strays({"d1"}, {"d1"}, 5)
    await projection.complete([], [])
    assert await projection.is_complete()


async def test_a_tag_with_nothing_but_marks_needs_no_credentials(projection: Projection) -> None:
    await projection.write_chargers([ChargerEntry("c1", 5, registered=False)])
    await projection.complete([], [])
    assert await projection.is_complete()


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


async def test_a_pairing_that_reached_redis_late_is_dated_again(
    redis_url: str, names: Names, in_redis: InRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = bus_to(redis_url, "late")
    run = late.run
    delays = [0.5, 0.0]

    async def run_late(calls: Sequence[Call]) -> list[Any]:
        # A Redis that stands still has it in its buffer.
        await asyncio.sleep(delays.pop(0))
        return await run(calls)

    monkeypatch.setattr(late, "run", run_late)
    entry = paired(5)
    before = await in_redis.now_us()
    assert await Projection(late, names).write_chargers([entry]) == (1, [])
    await late.close()
    stored = await in_redis.charger("c1")
    assert stored is not None
    assert not delays
    assert stored["paired_at"] - before < SECOND // 4


@pytest.mark.parametrize("removed_by_hand", [False, True])
async def test_a_missing_entry_means_unregistered_only_beside_a_count_that_is_right(
    projection: Projection, bus: Bus, names: Names, *, removed_by_hand: bool
) -> None:
    await projection.write_secrets(Kind.CHARGER, [SecretsEntry("c1", 5, [])])
    await projection.write_chargers([ChargerEntry("c1", 5)])
    await projection.complete([], ["c1"])
    tag = names.of_charger("c1")
    unknown = next(i for i in map(str, range(99)) if names.of_charger(i) == tag)
    if removed_by_hand:
        await bus.command("HDEL", tag.directory, "c1")
    keys = (tag.directory, tag.directory_version, tag.credentials)
    (answer,) = await bus.run([Call(gateway.AUTHENTICATE, keys, ["c1", unknown])])
    assert answer[1] == (b"absent" if removed_by_hand else b"registered")
    assert answer[4] == (b"absent" if removed_by_hand else b"unregistered")
