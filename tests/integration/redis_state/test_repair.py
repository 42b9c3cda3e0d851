"""A key of another type is removed by the process that meets it, and its call repeated."""

from typing import Any, Final

import pytest
from redis.exceptions import ResponseError

from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.repair.repair import REPAIRED
from shared.bus.script import Call, Script
from shared.contract.names import AGREEMENTS, GATEWAYS, ROUTERS, Names, key_type

NAMES: Final = Names(2)
CHARGERS, WIDGETS = NAMES.chargers[0], NAMES.widgets[0]

KEYS: Final = {
    key.rpartition(":")[2]: key
    for key in (
        *(CHARGERS.directory, CHARGERS.directory_version, CHARGERS.credentials, CHARGERS.live),
        *(CHARGERS.pending, CHARGERS.lease, CHARGERS.presence, CHARGERS.rejections),
        *(CHARGERS.transactions, CHARGERS.ocpp),
        *(WIDGETS.statuses, WIDGETS.transitions, ROUTERS, GATEWAYS, AGREEMENTS),
    )
}
"""One key of each name."""

_WRITES: Final = {
    "hash": "redis.call('HSET', KEYS[1], 'c1', 'new')",
    "zset": "redis.call('ZADD', KEYS[1], 1, 'c1')",
    "string": "redis.call('GET', KEYS[1])",
    "stream": "redis.call('XADD', KEYS[1], '*', 'a', 'b')",
}
"""What meets a key, by its right type."""


def _script(text: str) -> Script:
    return Script.with_prelude("meet", f"{text}\nreturn 'done'")


def _meet(key: str) -> Call:
    return Call(_script(_WRITES[key_type(key) or ""]), (key,), [])


async def give_another_type(client: Any, key: str) -> None:
    await client.delete(key)
    if key_type(key) == "string":
        await client.rpush(key, "junk")
    else:
        await client.set(key, "junk")


@pytest.mark.parametrize("name", sorted(KEYS))
async def test_a_key_of_another_type_is_removed_counted_and_used(
    bus: Bus, client: Any, name: str
) -> None:
    key = KEYS[name]
    await give_another_type(client, key)
    before = REPAIRED.labels(name)._value.get()
    assert await bus.run([_meet(key)]) == [b"done"]
    assert await client.type(key) in {(key_type(key) or "").encode(), b"none"}
    assert REPAIRED.labels(name)._value.get() == before + 1
    assert await bus.run([_meet(key)]) == [b"done"]
    assert REPAIRED.labels(name)._value.get() == before + 1


async def test_each_name_has_a_key_here() -> None:
    tags = {*vars(CHARGERS).values(), *vars(WIDGETS).values()}
    names = {str(each).rpartition(":")[2] for each in tags}
    assert {name for name in names if key_type(name)} | {"routers", "gateways", "agreements"} == {
        *KEYS
    }


@pytest.mark.parametrize("broken", [CHARGERS.directory, CHARGERS.credentials])
async def test_without_entries_or_credentials_a_directory_is_not_complete(
    bus: Bus, client: Any, broken: str
) -> None:
    await client.set(CHARGERS.directory_version, 1)
    await give_another_type(client, broken)
    await bus.run([_meet(broken)])
    assert not await client.exists(CHARGERS.directory_version)


@pytest.mark.parametrize("live", ["right", "broken"])
async def test_when_it_is_not_known_what_waited_all_chargers_wait(
    bus: Bus, client: Any, live: str
) -> None:
    await client.hset(CHARGERS.live, mapping={"c2": "{}", "c3": "{}"})
    if live == "broken":
        await give_another_type(client, CHARGERS.live)
    await give_another_type(client, CHARGERS.pending)
    await bus.run([_meet(CHARGERS.pending)])
    waiting = {b"c1"} if live == "broken" else {b"c1", b"c2", b"c3"}
    assert set(await client.zrange(CHARGERS.pending, 0, -1)) == waiting


async def test_calls_on_other_keys_are_done_as_if_nothing_were_wrong(bus: Bus, client: Any) -> None:
    await give_another_type(client, CHARGERS.live)
    other = NAMES.chargers[1].live
    assert await bus.run([_meet(other), _meet(CHARGERS.live), _meet(other)]) == [b"done"] * 3


async def test_a_command_repairs_too_unless_it_only_looks(bus: Bus, client: Any) -> None:
    await give_another_type(client, CHARGERS.live)
    words = ("HGET", CHARGERS.live, "c1")
    (error,) = await bus.commands([words], return_errors=True)
    assert isinstance(error, ResponseError)
    assert await client.exists(CHARGERS.live)
    assert await bus.commands([("ECHO", "a"), words] if not bus.is_cluster else [words]) == (
        [b"a", None] if not bus.is_cluster else [None]
    )
    assert not await client.exists(CHARGERS.live)


async def test_a_script_that_fails_is_no_reason_to_end(bus: Bus) -> None:
    call = Call(_script("error('oops')"), (CHARGERS.live,), [])
    with pytest.raises(BusUnavailableError, match="oops"):
        await bus.run([call])
    (error,) = await bus.run([call], return_errors=True)
    assert isinstance(error, ResponseError)


async def test_keys_that_are_not_ours_are_left_alone(bus: Bus, client: Any) -> None:
    await client.set("foreign", "junk")
    with pytest.raises(BusUnavailableError, match="WRONGTYPE"):
        await bus.run([Call(_script(_WRITES["hash"]), ("foreign",), [])])
    assert await client.get("foreign") == b"junk"
