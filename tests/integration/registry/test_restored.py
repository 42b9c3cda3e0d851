"""Postgres went back in time: an older state was restored, whether a registry ran or not."""

from functools import partial
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.registry import metrics
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually
from tests.integration.registry.in_redis import InRedis

KEY = "a key of the digests, for tests only"
TABLES = (
    "chargers",
    "widgets",
    "pairings",
    "unregistered",
    "last_draw",
    "charger_secrets",
    "widget_secrets",
    "rentals",
)

Dump = dict[str, bytes]


async def dump(by_hand: By) -> Dump:
    """Everything of the directory, as COPY has it; and where the numbers are."""
    saved: Dump = {}
    for table in TABLES:
        async with by_hand.cursor().copy(
            SQL("COPY {} TO STDOUT").format(Identifier(table))
        ) as copy:
            saved[table] = b"".join([bytes(chunk) async for chunk in copy])
    cursor = await by_hand.execute("SELECT last_value FROM pairing_numbers")
    (last,) = await cursor.fetchone() or (0,)
    return saved | {"": str(last).encode()}


async def restore(admin: By, saved: Dump) -> None:
    """Put it back in one transaction, as pg_restore does: no trigger fires, no doorbell rings."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            await admin.execute(SQL("DELETE FROM {}").format(Identifier(table)))
            query = SQL("COPY {} FROM STDIN").format(Identifier(table))
            async with admin.cursor().copy(query) as copy:
                await copy.write(saved[table])
        await admin.execute("SELECT setval('pairing_numbers', %s)", (int(saved[""]),))


async def do(registry: RunningRegistry, *requests: tuple[str, str, object]) -> list[Any]:
    answers = []
    for method, path, body in requests:
        answer = await registry.send(method, path, body)
        assert answer.status_code < 300, answer.text
        answers.append(answer.json() if answer.content else None)
    return answers


async def two_pairs(registry: RunningRegistry) -> None:
    devices = [f"/{kind}s/{kind[0]}{n}" for kind in ("charger", "widget") for n in (1, 2, 3)]
    await do(registry, *(("PUT", path, {}) for path in devices))
    await do(registry, ("PUT", "/pairings/c1", {"widget": "w1"}))
    await do(registry, ("PUT", "/pairings/c2", {"widget": "w2"}))


async def later_changes(registry: RunningRegistry) -> int:
    """Swap the widgets, register a pair, unregister a charger, give a secret; the last number."""
    *_, last = await do(
        registry,
        ("DELETE", "/pairings/c1", None),
        ("PUT", "/pairings/c2?replace=true", {"widget": "w1"}),
        ("PUT", "/pairings/c1", {"widget": "w2"}),
        ("PUT", "/chargers/new", {}),
        ("PUT", "/widgets/new", {}),
        ("DELETE", "/chargers/c3", None),
        ("PUT", "/pairings/new", {"widget": "new"}),
    )
    assert last["projected"]
    number: int = last["pairing_number"]
    return number


async def is_as_in_postgres(by_hand: By, in_redis: InRedis) -> bool:
    cursor = await by_hand.execute(
        "SELECT chargers.id, chargers.pairing_number, widget_id, token FROM chargers"
        " LEFT JOIN pairings ON charger_id = chargers.id"
    )
    for charger, number, widget, token in await cursor.fetchall():
        entry = await in_redis.charger(charger) or {}
        found = (entry.get("pairing"), entry.get("widget"), entry.get("token"))
        if found != (number, widget, token) or "unregistered" in entry:
            return False
    cursor = await by_hand.execute(
        "SELECT widgets.id, widgets.pairing_number, charger_id FROM widgets"
        " LEFT JOIN pairings ON widget_id = widgets.id"
    )
    for widget, number, charger in await cursor.fetchall():
        entry = await in_redis.widget(widget) or {}
        if (entry.get("pairing"), entry.get("charger")) != (number, charger):
            return False
    return True


async def repairs(by_hand: By) -> list[dict[str, Any]]:
    cursor = await by_hand.execute(
        "SELECT who, details FROM audit_log WHERE kind = 'repair' ORDER BY id"
    )
    found = await cursor.fetchall()
    assert all(who == "registry" for who, _ in found)
    return [details for _, details in found]


async def is_told_as_projected(registry: RunningRegistry, number: int) -> bool:
    (state,) = await do(registry, ("GET", "/chargers/c1", None))
    return bool(state["pairing_number"] == number and state["projected"])


@pytest.mark.parametrize("running", [1, 0, 2], ids=["running", "not running", "two are running"])
async def test_what_postgres_lost_is_told_and_what_it_has_is_in_effect(
    start_registry: StartRegistry, by_hand: By, admin: By, in_redis: InRedis, running: int
) -> None:
    registry = await start_registry()
    others = [await start_registry() for _ in range(running - 1)]
    await two_pairs(registry)
    saved = await dump(by_hand)
    last = await later_changes(registry)
    before = metrics.REPAIRS._value.get()
    if not running:
        await registry.end()
    await restore(admin, saved)
    if not running:
        registry = await start_registry()

    async def is_repaired() -> bool:
        return bool(await repairs(by_hand)) and await is_as_in_postgres(by_hand, in_redis)

    await eventually(is_repaired)
    assert metrics.REPAIRS._value.get() == before + 1
    (told,) = await repairs(by_hand)
    number = told["number"]
    assert number > last
    assert told == {
        "number": number,
        "renumbered chargers": ["c1", "c2", "c3"],
        "renumbered widgets": ["w1", "w2"],
        "unregistered chargers": ["new"],
        "unregistered widgets": ["new"],
    }
    for entry in (await in_redis.charger("c1"), await in_redis.widget("w2")):
        assert entry is not None
        assert entry["pairing"] == number

    async def are_gone() -> bool:
        gone = ({"pairing": number, "unregistered": True}, None)
        return await in_redis.charger("new") in gone and await in_redis.widget("new") in gone

    await eventually(are_gone)
    assert await in_redis.widget("w3") is not None
    for each in (registry, *others):
        await each.ready()
        await eventually(partial(is_told_as_projected, each, number))


async def test_while_it_cannot_be_repaired_the_registry_is_not_ready_and_says_why(
    registry: RunningRegistry, by_hand: By, admin: By, in_redis: InRedis
) -> None:
    await two_pairs(registry)
    saved = await dump(by_hand)
    await later_changes(registry)

    async def says_why() -> bool:
        status, text = await registry.readiness()
        return status == 503 and "Redis has changes that Postgres may have lost" in text

    with capture_logs() as logs:
        # Two transactions: the second one keeps the lock that a repair needs.
        await restore(admin, saved)
        async with by_hand.transaction():
            await by_hand.execute("SELECT lock_directory()")
            await eventually(says_why)
            assert await repairs(by_hand) == []
        await registry.ready()
    assert await is_as_in_postgres(by_hand, in_redis)
    (told,) = [each for each in logs if each["log_level"] == "error"]
    assert told["event"] == "postgres lost changes that redis has: was a backup restored?"
    assert (told["renumbered"], told["unregistered"]) == (5, 2)
    assert told["devices"] == "c1 c2 c3 new w1 w2"


async def test_a_number_drawn_for_the_second_time_takes_effect_before_it_is_told(
    registry: RunningRegistry, by_hand: By, admin: By, in_redis: InRedis
) -> None:
    await two_pairs(registry)
    saved = await dump(by_hand)
    (first,) = await do(registry, ("PUT", "/pairings/c1?replace=true", {"widget": "w3"}))
    await restore(admin, saved)
    (second,) = await do(registry, ("PUT", "/pairings/c1?replace=true", {"widget": "w2"}))
    assert first["pairing_number"] == second["pairing_number"], "or this tests nothing"
    if second["projected"]:
        assert await is_as_in_postgres(by_hand, in_redis)

    async def is_repaired() -> bool:
        return bool(await repairs(by_hand)) and await is_as_in_postgres(by_hand, in_redis)

    await eventually(is_repaired)
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["widget"], entry["pairing"] > first["pairing_number"]) == ("w2", True)


async def test_a_secret_that_postgres_lost_is_good_no_more(
    start_registry: StartRegistry, by_hand: By, admin: By, in_redis: InRedis
) -> None:
    registry = await start_registry(credential_key=SecretStr(KEY))
    await two_pairs(registry)
    before = await in_redis.credentials("c1")
    saved = await dump(by_hand)
    await do(registry, ("POST", "/chargers/c1/secret", {}))
    assert await in_redis.credentials("c1") != before
    await restore(admin, saved)

    async def is_taken_back() -> bool:
        found = await in_redis.credentials("c1")
        return found is not None and found["digests"] == []

    await eventually(is_taken_back)


async def test_an_older_redis_is_simply_projected(
    registry: RunningRegistry, by_hand: By, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    await two_pairs(registry)
    tags = [*names.chargers, *names.widgets]
    keys = [key for tag in tags for key in (tag.directory, tag.credentials)]
    older = dict(zip(keys, await bus.commands([("HGETALL", key) for key in keys]), strict=True))
    await later_changes(registry)
    for key, items in older.items():
        await bus.command("DEL", key)
        if items:
            await bus.command("HSET", key, *items)

    await eventually(lambda: is_as_in_postgres(by_hand, in_redis))
    assert await repairs(by_hand) == []


async def test_a_number_that_was_never_drawn_is_not_believed(
    registry: RunningRegistry, by_hand: By, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    await two_pairs(registry)
    await in_redis.set_charger("c1", {"pairing": 2**53})
    await bus.command("DEL", names.of_charger("c1").directory_version)
    await eventually(lambda: is_as_in_postgres(by_hand, in_redis))
    cursor = await by_hand.execute("SELECT last_value < 1000 FROM pairing_numbers")
    assert await cursor.fetchone() == (True,)
    assert await repairs(by_hand) == []


async def test_something_else_under_the_same_number_is_repaired(
    registry: RunningRegistry, by_hand: By, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    await two_pairs(registry)
    entry = await in_redis.charger("c1")
    assert entry is not None
    await in_redis.set_charger("c1", {**entry, "widget": "w3"})
    await bus.command("DEL", names.of_charger("c1").directory_version)
    await eventually(lambda: is_as_in_postgres(by_hand, in_redis))
    (told,) = await repairs(by_hand)
    assert told["renumbered chargers"] == ["c1"]
    after = await in_redis.charger("c1")
    assert after is not None
    assert after["pairing"] > entry["pairing"]
    assert after["token"] != entry["token"]
