"""What is old is removed, and nothing else; and one visitor is forgotten on request."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from structlog.testing import capture_logs

from services.gateway import scripts as gateway
from services.registry.access import api_keys
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Database
from services.registry.postgres.migrate import load, migrate
from services.registry.retention import erasure, pruning
from services.registry.retention.cutoffs import Keep
from services.registry.retention.pruner import Pruner
from services.registry.retention.pruning import BATCH, Old
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.names import Names
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import (
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.whole_database import back_up, content, put_back

TICKET = "ticket-of-a-visitor"
OTHER = "ticket-of-another-visitor"
KEEP = Keep(rentals=30, audit=365, tombstones=30)

Age = Callable[[str, str], Awaitable[None]]


@pytest.fixture
def age(by_hand: By) -> Age:
    """Let rows be older, past all triggers, as time would."""

    async def age_(table: str, changes: str) -> None:
        async with by_hand.transaction():
            await by_hand.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            await by_hand.execute(f"UPDATE {table} SET {changes}".encode())  # noqa: S608 - ours
            await by_hand.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())

    return age_


async def rented(by_hand: By, ticket: str | None, days: float | None, charger: str = "c1") -> str:
    """Have a rental, collected so many days ago (None: not collected); return its id."""
    rental = str(uuid.uuid4())
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number, opened_at)"
        " VALUES (%s, %s, 'w1', %s, 1, now() - interval '200 days')",
        (rental, charger, ticket),
    )
    if days is not None:
        await by_hand.execute(
            "UPDATE rentals SET ended_number = 2, widget_returned_at = now(),"
            " collected_at = now() - %s * interval '1 day' WHERE id = %s",
            (days, rental),
        )
    return rental


async def prune(database: Database, keep: Keep = KEEP) -> Old:
    limits = await pruning.cutoffs_now(database, keep)
    expected = await pruning.count(database, limits)
    removed, complete = await pruning.prune(database, Actor("registry"), limits)
    assert removed == expected, "a dry run tells what will be removed"
    assert complete
    return removed


async def column(by_hand: By, query: str) -> list[Any]:
    return [value for (value,) in await (await by_hand.execute(query.encode())).fetchall()]


async def everything(by_hand: By) -> str:
    """All rows; not the sequences, which also a change that is undone moves."""
    return json.dumps(await content(by_hand) | {"sequences": []})


# --- rentals


async def test_a_rental_goes_so_many_days_after_its_collection_and_an_open_one_stays(
    database: Database, by_hand: By
) -> None:
    await rented(by_hand, TICKET, 30.01)
    young = await rented(by_hand, OTHER, 29.99)
    still_open = await rented(by_hand, "a phone that nobody fetched", None)
    assert await prune(database) == Old(rentals=1)
    assert set(map(str, await column(by_hand, "SELECT id FROM rentals"))) == {young, still_open}
    limits = await pruning.cutoffs_now(database, KEEP)
    assert await pruning.count_still_open(database, limits) == 1
    found = await everything(by_hand)
    assert TICKET not in found
    assert OTHER in found
    assert await prune(database) == Old()


async def test_events_of_the_outbox_go_after_as_many_days_as_rentals(
    database: Database, by_hand: By
) -> None:
    for number, days in enumerate(("30.01", "29.99")):
        await by_hand.execute(
            "WITH event AS (INSERT INTO outbox_events (at, kind, ended, about, device, data)"
            " VALUES (now() - %s * interval '1 day', 'phone.ready', false, 'charger', %s, '{}')"
            " RETURNING number, about, device)"
            " INSERT INTO outbox_deliveries (number, about, device, destination)"
            " SELECT number, about, device, 'webhook-1' FROM event",
            (float(days), f"c{number}"),
        )
    assert await prune(database) == Old(events=1)
    assert await column(by_hand, "SELECT device FROM outbox_deliveries") == ["c1"]


async def test_what_is_kept_for_ever_stays(database: Database, by_hand: By, age: Age) -> None:
    await rented(by_hand, TICKET, 36_000)
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1'), ('c2')")
    await by_hand.execute("DELETE FROM chargers WHERE id = 'c1'")
    await by_hand.execute("DELETE FROM chargers WHERE id = 'c2'")
    await age("unregistered", "unregistered_at = '1970-01-01'")
    await age("audit_log", "at = '1970-01-01'")
    before = await content(by_hand)
    assert await prune(database, Keep()) == Old()
    assert await content(by_hand) == before


async def test_the_audit_log_keeps_who_did_what_to_a_removed_rental_but_no_word_of_it(
    by_hand: By,
) -> None:
    rental = await rented(by_hand, TICKET, 1)
    await by_hand.execute("UPDATE rentals SET ticket = 'another ticket'")
    await by_hand.execute("DELETE FROM rentals")
    cursor = await by_hand.execute(
        "SELECT action, who LIKE 'postgres:%%', details FROM audit_log"
        " WHERE kind = 'rental' AND subject = %s ORDER BY id",
        (rental,),
    )
    assert await cursor.fetchall() == [
        ("created", True, {}),
        ("changed", True, {}),
        ("changed", True, {}),
        ("removed", True, {}),
    ]
    found = await everything(by_hand)
    assert [word for word in (TICKET, "another ticket", '"w1"') if word in found] == []


async def test_rentals_that_were_removed_by_an_older_version_leave_the_audit_log(
    empty_postgres_dsn: str,
) -> None:
    async with await AsyncConnection.connect(empty_postgres_dsn, autocommit=True) as by_hand:
        await migrate(by_hand, load()[:6])
        await rented(by_hand, TICKET, 1)
        await by_hand.execute("DELETE FROM rentals")
        await rented(by_hand, OTHER, 1)
        assert TICKET in await everything(by_hand)
        await migrate(by_hand, load())
        found = await everything(by_hand)
    assert TICKET not in found
    assert found.count(OTHER) == 2, "in the rental, and in the entry of its beginning"


# --- the audit log


async def test_an_audit_entry_goes_after_its_days_and_that_is_recorded(
    database: Database, by_hand: By, age: Age
) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    await age("audit_log", "at = now() - interval '365.01 days'")
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c2')")
    assert await prune(database) == Old(audit_entries=1)
    cursor = await by_hand.execute(
        "SELECT who, action, kind, subject, details ->> 'count' FROM audit_log ORDER BY id"
    )
    (_, *kept), recorded = await cursor.fetchall()
    assert kept[:3] == ["created", "charger", "c2"]
    assert recorded == ("registry", "removed", "retention", "audit_entries", "1")


async def test_nobody_removes_young_audit_entries(by_hand: By, age: Age) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    await age("audit_log", "at = now() - interval '29.99 days'")
    with pytest.raises(psycopg.errors.RaiseException, match="only added to"):
        await by_hand.execute("DELETE FROM audit_log")
    await age("audit_log", "at = now() - interval '31 days'")
    assert (await by_hand.execute("DELETE FROM audit_log")).rowcount == 1


async def test_of_an_audit_entry_only_what_it_says_of_a_rental_can_be_emptied(by_hand: By) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    await rented(by_hand, TICKET, None)
    for change in (
        "who = 'nobody', details = '{}' WHERE kind = 'rental'",
        "at = now(), details = '{}' WHERE kind = 'rental'",
        """details = '{"ticket": "1"}' WHERE kind = 'rental'""",
        "details = '{}' WHERE kind = 'charger'",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="only added to"):
            await by_hand.execute(f"UPDATE audit_log SET {change}".encode())  # noqa: S608 - ours
    await by_hand.execute("UPDATE audit_log SET details = '{}' WHERE kind = 'rental'")
    assert TICKET not in str(await column(by_hand, "SELECT details FROM audit_log"))


# --- tombstones


async def unregistered(registry: RunningRegistry, *chargers: str) -> None:
    for charger in chargers:
        assert (await registry.send("PUT", f"/chargers/{charger}", {})).status_code == 201
        assert (await registry.send("DELETE", f"/chargers/{charger}")).status_code == 204


async def test_a_tombstone_goes_when_it_is_old_but_not_the_newest(
    registry: RunningRegistry, database: Database, by_hand: By, age: Age
) -> None:
    await unregistered(registry, "c1", "c2", "c3")
    young = "now() - interval '29.99 days'"
    old = "now() - interval '30.01 days'"
    await age("unregistered", f"unregistered_at = CASE id WHEN 'c1' THEN {young} ELSE {old} END")
    assert await prune(database) == Old(tombstones=1)
    tombstones = "SELECT id::text FROM unregistered ORDER BY id"
    assert await column(by_hand, tombstones) == ["c1", "c3"]
    await registry.send("PUT", "/chargers/c4", {})
    assert await prune(database) == Old(tombstones=1)
    assert await column(by_hand, tombstones) == ["c1"]


async def test_a_device_that_is_unregistered_once_more_has_a_young_tombstone(by_hand: By) -> None:
    await by_hand.execute(
        "INSERT INTO unregistered VALUES ('charger', 'c1', 1, now() - interval '60 days')"
    )
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    await by_hand.execute("DELETE FROM chargers")
    await by_hand.execute(
        "INSERT INTO unregistered VALUES ('charger', 'c2', 1, now() - interval '60 days')"
    )
    await by_hand.execute("SELECT renumber('{c2}', '{}')")
    old = "SELECT id FROM unregistered WHERE unregistered_at < now() - interval '1 day'"
    assert await column(by_hand, old) == []


async def answer_to(bus: Bus, names: Names, charger: str) -> bytes:
    """What a gateway is told of a charger that connects."""
    tag = names.of_charger(charger)
    keys = (tag.directory, tag.directory_version, tag.credentials)
    (answer,) = await bus.run([Call(gateway.AUTHENTICATE, keys, [charger])])
    said: bytes = answer[1]
    return said


@pytest.mark.parametrize("is_newest", [True, False], ids=["the last change", "changes since"])
async def test_a_device_whose_tombstone_went_is_unregistered_before_and_after(
    start_registry: StartRegistry,
    by_hand: By,
    in_redis: InRedis,
    age: Age,
    *,
    bus: Bus,
    names: Names,
    is_newest: bool,
) -> None:
    """In Redis it is a mark first, and after the next full projection nothing at all."""
    registry = await start_registry()
    await unregistered(registry, "c1", "c2")
    if not is_newest:
        await registry.send("PUT", "/chargers/c3", {})
    await age("unregistered", "unregistered_at = now() - interval '31 days'")
    assert (await in_redis.charger("c1") or {}).get("unregistered") is True
    pruned = (await registry.send("POST", "/prune")).json()
    assert pruned["tombstones"] == (1 if is_newest else 2)
    assert await answer_to(bus, names, "c1") == b"unregistered"

    await start_registry()  # it begins with a full projection
    assert await in_redis.charger("c1") is None
    assert await answer_to(bus, names, "c1") == b"unregistered"
    await registry.send("PUT", "/chargers/c4", {})

    async def is_projected() -> bool:
        return bool((await registry.send("GET", "/chargers/c4")).json()["projected"])

    await eventually(is_projected)
    assert await column(by_hand, "SELECT 1 FROM audit_log WHERE kind = 'repair'") == []


@pytest.mark.parametrize("has_tombstone", [True, False])
async def test_a_redis_with_data_of_before_registers_nobody_and_within_30_days_alarms_nobody(
    start_registry: StartRegistry,
    by_hand: By,
    in_redis: InRedis,
    age: Age,
    *,
    has_tombstone: bool,
) -> None:
    registry = await start_registry()
    registered = (await registry.send("PUT", "/chargers/c1", {})).json()
    assert (await registry.send("DELETE", "/chargers/c1")).status_code == 204
    await registry.send("PUT", "/chargers/c2", {})
    if not has_tombstone:
        await age("unregistered", "unregistered_at = now() - interval '31 days'")
        assert (await registry.send("POST", "/prune")).json()["tombstones"] == 1
    await registry.end()
    await in_redis.set_charger("c1", {"pairing": registered["pairing_number"]})
    await start_registry()

    async def is_unregistered() -> bool:
        entry = await in_redis.charger("c1")
        return entry is None or entry.get("unregistered") is True

    await eventually(is_unregistered)
    alarms = await column(by_hand, "SELECT 1 FROM audit_log WHERE kind = 'repair'")
    assert len(alarms) == (0 if has_tombstone else 1)


# --- in the background, and by REST


async def test_several_prune_at_once_in_batches_and_others_get_their_turn(
    database: Database, by_hand: By
) -> None:
    number = 2 * BATCH + 7
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, ticket, pairing_number, ended_number, collected_at)"
        " SELECT gen_random_uuid(), 'c1', n::text, 1, 2, now() - interval '31 days'"
        " FROM generate_series(1, %s) AS n",
        (number,),
    )
    limits = await pruning.cutoffs_now(database, KEEP)
    pruning_ = [
        asyncio.create_task(pruning.prune(database, Actor(by), limits)) for by in ("one", "another")
    ]
    waits = []
    while not all(task.done() for task in pruning_):
        begun = time.monotonic()
        async with database.write_transaction(Actor("olga")):
            waits.append(time.monotonic() - begun)
        await asyncio.sleep(0)
    removed = [(await task)[0].rentals for task in pruning_]
    assert sum(removed) == number
    assert len(waits) > 3, "others had their turn in between"
    counts = await column(
        by_hand, "SELECT (details ->> 'count')::int FROM audit_log WHERE kind = 'retention'"
    )
    assert sum(counts) == number
    assert max(counts) == BATCH


async def test_without_time_left_pruning_stops_after_a_batch_and_says_so(
    database: Database, by_hand: By
) -> None:
    await rented(by_hand, TICKET, 31)
    limits = await pruning.cutoffs_now(database, KEEP)
    assert await pruning.prune(database, Actor("olga"), limits, 0) == (Old(rentals=1), False)


async def test_a_postgres_that_refuses_to_remove_ends_nothing_and_is_told(
    database: Database, by_hand: By
) -> None:
    await rented(by_hand, TICKET, 31)
    await by_hand.execute(
        "CREATE FUNCTION mistake() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not with me'; END $$;"
        " CREATE TRIGGER mistake BEFORE DELETE ON rentals EXECUTE FUNCTION mistake()"
    )
    with capture_logs() as lines:
        task = asyncio.create_task(Pruner(database, KEEP, again_seconds=0.01).run())

        async def is_told() -> bool:
            return any(line["event"] == "old data cannot be removed" for line in lines)

        async def is_removed() -> bool:
            return not await column(by_hand, "SELECT 1 FROM rentals")

        await eventually(is_told)
        assert TICKET not in str(lines)
        await by_hand.execute("DROP FUNCTION mistake CASCADE")
        await eventually(is_removed)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_registry_prunes_by_itself_and_by_its_settings(
    start_registry: StartRegistry, by_hand: By
) -> None:
    kept, old = await rented(by_hand, OTHER, 6), await rented(by_hand, TICKET, 8)
    await start_registry(keep_rentals_days=7)

    async def is_removed() -> bool:
        return old not in map(str, await column(by_hand, "SELECT id FROM rentals"))

    await eventually(is_removed)
    assert list(map(str, await column(by_hand, "SELECT id FROM rentals"))) == [kept]


async def test_a_dry_run_tells_what_would_go_and_only_admins_may_ask(
    start_registry: StartRegistry, by_hand: By
) -> None:
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required")
    await rented(by_hand, TICKET, 31)
    await rented(by_hand, OTHER, None)

    async def post(path: str, key: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return await registry.client.post(registry.url + path, json=body, headers=headers)

    olga = (await post("/keys", ADMIN_KEY, {"name": "olga", "role": "operator"})).json()["key"]
    for path, body in (("/prune?dry_run=true", None), ("/erasures", {"ticket": TICKET})):
        assert_problem(await post(path, olga, body), 403, "needs the role admin")
    would = (await post("/prune?dry_run=true", ADMIN_KEY)).json()
    counts = [would[name] for name in ("rentals", "open_rentals", "dry_run", "complete")]
    assert counts == [1, 1, True, True]
    assert len(await column(by_hand, "SELECT 1 FROM rentals")) == 2
    did = (await post("/prune", ADMIN_KEY)).json()
    same = ("rentals", "rental_traces", "audit_entries", "tombstones", "open_rentals")
    assert [did[name] for name in same] == [would[name] for name in same]
    query = "SELECT who FROM audit_log WHERE kind = 'retention'"
    assert await column(by_hand, query) == ["chief"]


# --- one visitor


async def erase(database: Database) -> tuple[int, int]:
    async with database.write_transaction(Actor("ada")) as connection:
        return await erasure.erase(connection, TICKET, None)


async def test_an_erased_visitor_is_in_no_table_any_more(
    registry: RunningRegistry, by_hand: By
) -> None:
    async def erased(query: str = "") -> dict[str, Any]:
        answer = await registry.send("POST", f"/erasures{query}", {"ticket": TICKET})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    await rented(by_hand, TICKET, 1)
    other = await rented(by_hand, OTHER, 1)
    before = await everything(by_hand)
    would = {"rentals": 1, "audit_entries": 2, "dry_run": True}
    assert await erased("?dry_run=true") == would
    assert await everything(by_hand) == before
    assert await erased() == would | {"dry_run": False}
    found = await everything(by_hand)
    assert TICKET not in found
    assert OTHER in found
    assert list(map(str, await column(by_hand, "SELECT id FROM rentals"))) == [other]
    assert await erased() == {"rentals": 0, "audit_entries": 0, "dry_run": False}

    await rented(by_hand, TICKET, 1)
    await rented(by_hand, TICKET, None, "c2")  # the phone is still there
    before = await everything(by_hand)
    answer = await registry.send("POST", "/erasures", {"ticket": TICKET})
    assert_problem(answer, 409, "there is a phone in c2", "Have it collected first")
    assert await everything(by_hand) == before


async def test_of_a_ticket_that_several_visitors_had_one_rental_is_erased(
    registry: RunningRegistry, by_hand: By
) -> None:
    first, second, third = [await rented(by_hand, TICKET, days) for days in (3, 2, 1)]
    short = (await registry.send("GET", f"/rentals/{second}")).json()["short_id"]
    for rental in (first, short):
        answer = await registry.send("POST", "/erasures", {"ticket": TICKET, "rental": rental})
        assert answer.json() == {"rentals": 1, "audit_entries": 2, "dry_run": False}
    assert list(map(str, await column(by_hand, "SELECT id FROM rentals"))) == [third]
    for wrong, status in ((short, 404), ("G4H9", 422), (5, 422)):
        answer = await registry.send("POST", "/erasures", {"ticket": TICKET, "rental": wrong})
        assert_problem(answer, status, "rental")
    assert (await everything(by_hand)).count(TICKET) == 2


async def test_a_corrected_ticket_leaves_the_audit_log_and_the_rental_stays(
    database: Database, by_hand: By
) -> None:
    await rented(by_hand, TICKET, 1)
    await by_hand.execute("UPDATE rentals SET ticket = %s", (OTHER,))
    assert await erase(database) == (0, 3)
    assert TICKET not in await everything(by_hand)
    assert await column(by_hand, "SELECT ticket FROM rentals") == [OTHER]


async def test_a_restore_does_not_bring_an_erased_visitor_back(
    database: Database, by_hand: By
) -> None:
    await rented(by_hand, TICKET, 1)
    await rented(by_hand, OTHER, 1)
    backup = await back_up(by_hand)
    assert await erase(database) == (1, 2)
    await put_back(by_hand, backup, replace=True)
    found = await everything(by_hand)
    assert TICKET not in found
    assert OTHER in found


async def test_a_visitor_who_came_after_the_restored_backup_can_be_erased_and_is_forgotten(
    database: Database, by_hand: By, age: Age
) -> None:
    backup = await back_up(by_hand)
    await rented(by_hand, TICKET, 1)
    await rented(by_hand, OTHER, 1)
    await put_back(by_hand, backup, replace=True)
    assert TICKET in await everything(by_hand), "so that the phone can be given back"
    assert await erase(database) == (0, 2)
    assert TICKET not in await everything(by_hand)
    assert await prune(database) == Old()
    await age("audit_log", "at = now() - interval '31 days'")
    assert await prune(database) == Old(rental_traces=2)
    assert OTHER not in await everything(by_hand)


async def test_a_restore_of_a_backup_from_before_the_oldest_audit_entry_removes_none(
    database: Database, by_hand: By, age: Age
) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    backup = await back_up(by_hand)
    await age("audit_log", "at = now() - interval '366 days'")
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c2')")
    assert await prune(database) == Old(audit_entries=1)
    await put_back(by_hand, backup, replace=True)
    query = "SELECT subject FROM audit_log ORDER BY id"
    assert await column(by_hand, query) == ["c1", "c2", "audit_entries", "restore"]


async def test_who_made_a_key_is_kept_while_the_key_is_valid(
    database: Database, by_hand: By, age: Age
) -> None:
    """Otherwise nobody known had made it, and the bootstrap key was good again."""
    await know_admin(by_hand)
    await by_hand.execute(
        "INSERT INTO api_keys (id, name, role, hash, expires_at)"
        " VALUES ('000000000002', 'ended', 'admin', '', now())"
    )
    await age("audit_log", "at = now() - interval '400 days'")
    assert await prune(database) == Old(audit_entries=1)
    async with database.connection() as connection:
        assert await api_keys.find_attributed_admin(connection) == "chief"
