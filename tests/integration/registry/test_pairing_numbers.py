"""The numbers that order all changes, also of rows changed by hand."""

import asyncio
import re
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.sql import SQL

from services.registry.devices import pairings
from services.registry.devices.devices import find, unregister
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Database
from services.registry.postgres.tables import devices_table
from shared.contract.devices import Kind
from tests.integration.registry.conftest import By


async def _row(by_hand: By, query: LiteralString, *values: object) -> Any:
    return await (await by_hand.execute(query, values)).fetchone()


async def _rows(by_hand: By, query: LiteralString) -> Any:
    return await (await by_hand.execute(query)).fetchall()


async def _add(by_hand: By, *devices: str) -> None:
    for device in devices:
        kind = Kind.CHARGER if device.startswith("c") else Kind.WIDGET
        query = SQL("INSERT INTO {devices} (id) VALUES (%s)").format(devices=devices_table(kind))
        await by_hand.execute(query, (device,))


async def _pair(by_hand: By, charger: str, widget: str) -> None:
    await by_hand.execute(
        "INSERT INTO pairings (charger_id, widget_id) VALUES (%s, %s)", (charger, widget)
    )


async def _numbers(by_hand: By) -> dict[str, int]:
    """Each device's number; those that are gone too."""
    rows = await _rows(
        by_hand,
        "SELECT id, pairing_number FROM chargers UNION ALL SELECT id, pairing_number FROM widgets "
        "UNION ALL SELECT id, pairing_number FROM unregistered",
    )
    return dict(rows)


async def _assert_pairs_agree(by_hand: By) -> None:
    rows = await _rows(
        by_hand,
        "SELECT p.charger_id, p.pairing_number, c.pairing_number, w.pairing_number "
        "FROM pairings p JOIN chargers c ON c.id = p.charger_id "
        "JOIN widgets w ON w.id = p.widget_id",
    )
    for charger, pairing, of_charger, of_widget in rows:
        assert pairing == of_charger == of_widget, charger


async def test_each_registration_draws_a_number(by_hand: By) -> None:
    await _add(by_hand, "c1", "c2", "w1")
    numbers = await _numbers(by_hand)
    assert numbers["c1"] < numbers["c2"] < numbers["w1"]


async def test_what_a_device_is_called_changes_no_number(by_hand: By) -> None:
    await _add(by_hand, "c1", "w1")
    await _pair(by_hand, "c1", "w1")
    before = await _numbers(by_hand)
    await by_hand.execute("UPDATE chargers SET label = 'left', location = 'booth'")
    await by_hand.execute("UPDATE widgets SET label = 'blue'")
    assert await _numbers(by_hand) == before


async def test_a_pairing_gives_itself_and_both_devices_one_new_number(by_hand: By) -> None:
    await _add(by_hand, "c1", "w1")
    before = max((await _numbers(by_hand)).values())
    await _pair(by_hand, "c1", "w1")
    (pairing,) = await _row(by_hand, "SELECT pairing_number FROM pairings")
    assert pairing > before
    assert await _numbers(by_hand) == {"c1": pairing, "w1": pairing}


async def test_moving_a_pairing_by_hand_gives_those_left_alone_the_number_too(by_hand: By) -> None:
    await _add(by_hand, "c1", "c2", "w1", "w2")
    await _pair(by_hand, "c1", "w1")
    await by_hand.execute("UPDATE pairings SET widget_id = 'w2' WHERE charger_id = 'c1'")
    numbers = await _numbers(by_hand)
    assert numbers["c1"] == numbers["w1"] == numbers["w2"] > numbers["c2"]
    await by_hand.execute("UPDATE pairings SET charger_id = 'c2' WHERE widget_id = 'w2'")
    after = await _numbers(by_hand)
    assert after["c1"] == after["c2"] == after["w2"] > numbers["w2"]
    assert after["w1"] == numbers["w1"]
    await _assert_pairs_agree(by_hand)


async def test_each_new_or_moved_pairing_draws_a_token_and_begins_anew(by_hand: By) -> None:
    await _add(by_hand, "c1", "w1", "w2")
    await _pair(by_hand, "c1", "w1")
    seen = [await _row(by_hand, "SELECT token, paired_at FROM pairings")]
    await by_hand.execute("UPDATE pairings SET widget_id = 'w2'")
    seen.append(await _row(by_hand, "SELECT token, paired_at FROM pairings"))
    await by_hand.execute("DELETE FROM pairings")
    await _pair(by_hand, "c1", "w2")
    seen.append(await _row(by_hand, "SELECT token, paired_at FROM pairings"))
    tokens, times = zip(*seen, strict=True)
    assert len(set(tokens)) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", token) for token in tokens)
    assert sorted(times) == list(times)


async def test_unpairing_by_hand_numbers_both_devices(by_hand: By) -> None:
    await _add(by_hand, "c1", "w1")
    await _pair(by_hand, "c1", "w1")
    before = await _numbers(by_hand)
    await by_hand.execute("DELETE FROM pairings")
    after = await _numbers(by_hand)
    assert after["c1"] == after["w1"] > before["c1"]


async def test_unregistering_leaves_a_number_behind_and_numbers_the_partner(by_hand: By) -> None:
    await _add(by_hand, "c1", "w1")
    await _pair(by_hand, "c1", "w1")
    before = await _numbers(by_hand)
    await by_hand.execute("DELETE FROM widgets WHERE id = 'w1'")
    after = await _numbers(by_hand)
    assert await _rows(by_hand, "SELECT kind, id FROM unregistered") == [("widget", "w1")]
    assert after["c1"] == after["w1"] > before["w1"]
    assert await _rows(by_hand, "SELECT charger_id FROM pairings") == []


async def test_registering_again_removes_what_was_left_behind(by_hand: By) -> None:
    await _add(by_hand, "c1")
    await by_hand.execute("DELETE FROM chargers")
    gone = (await _numbers(by_hand))["c1"]
    await _add(by_hand, "c1")
    assert await _rows(by_hand, "SELECT id FROM unregistered") == []
    assert (await _numbers(by_hand))["c1"] > gone


async def test_a_charger_and_a_widget_of_one_name_are_two_devices(by_hand: By) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('x')")
    await by_hand.execute("INSERT INTO widgets (id) VALUES ('x')")
    await by_hand.execute("DELETE FROM chargers")
    await by_hand.execute("DELETE FROM widgets")
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('x')")
    assert await _rows(by_hand, "SELECT kind, id FROM unregistered") == [("widget", "x")]


async def test_statements_of_one_transaction_on_the_same_devices_end_with_equal_numbers(
    by_hand: By,
) -> None:
    await _add(by_hand, "c1", "c2", "c3", "w1", "w2", "w3")
    await _pair(by_hand, "c1", "w1")
    await _pair(by_hand, "c2", "w2")
    async with by_hand.transaction():
        await by_hand.execute("DELETE FROM pairings WHERE charger_id = 'c2'")
        await by_hand.execute("UPDATE pairings SET widget_id = 'w2' WHERE charger_id = 'c1'")
        await _pair(by_hand, "c2", "w1")
        await _pair(by_hand, "c3", "w3")
        await by_hand.execute("DELETE FROM chargers WHERE id = 'c3'")
        await by_hand.execute("DELETE FROM pairings WHERE charger_id = 'c1'")
        await _pair(by_hand, "c1", "w2")
    await _assert_pairs_agree(by_hand)
    assert len(set((await _numbers(by_hand)).values())) == 1


async def test_a_rolled_back_savepoint_does_not_part_the_numbers(by_hand: By) -> None:
    await _add(by_hand, "c1", "c2", "w1", "w2")
    await _pair(by_hand, "c1", "w1")
    before = await _numbers(by_hand)
    async with by_hand.transaction():
        async with by_hand.transaction(force_rollback=True):
            await by_hand.execute("DELETE FROM pairings")
            await by_hand.execute("DELETE FROM chargers")
        await _pair(by_hand, "c2", "w2")
    after = await _numbers(by_hand)
    assert (after["c1"], after["w1"]) == (before["c1"], before["w1"])
    assert after["c2"] == after["w2"] > max(before.values())
    await _assert_pairs_agree(by_hand)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chargers SET pairing_number = 99",
        "UPDATE widgets SET pairing_number = 99",
        "UPDATE pairings SET pairing_number = 99",
        "UPDATE chargers SET id = 'other'",
        "UPDATE widgets SET id = 'other'",
        "TRUNCATE pairings",
        "TRUNCATE chargers CASCADE",
        "TRUNCATE widgets CASCADE",
    ],
)
async def test_what_would_go_past_the_numbers_is_refused(
    by_hand: By, statement: LiteralString
) -> None:
    await _add(by_hand, "c1", "w1")
    await _pair(by_hand, "c1", "w1")
    before = await _numbers(by_hand)
    with pytest.raises(psycopg.errors.RaiseException) as refused:
        await by_hand.execute(statement)
    assert refused.value.diag.message_hint
    assert await _numbers(by_hand) == before


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "é", "x" * 65, "a/b"])
async def test_an_id_that_can_not_exist_is_refused(by_hand: By, bad: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await by_hand.execute("INSERT INTO chargers (id) VALUES (%s)", (bad,))


async def test_who_sees_a_number_has_seen_all_smaller_ones(postgres_dsn: str, by_hand: By) -> None:
    """Many writers at once, one reader that asks like the projector does."""
    writers_done = asyncio.Event()

    async def write(writer: int) -> None:
        async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
            for each in range(25):
                # Registered, and half of them gone again, in transactions of two statements.
                async with connection.transaction():
                    await _add(connection, f"c{writer}-{each}", f"w{writer}-{each}")
                if each % 2:
                    await connection.execute(
                        "DELETE FROM chargers WHERE id = %s", (f"c{writer}-{each}",)
                    )

    seen: dict[str, int] = {}

    async def read() -> None:
        reached = 0
        while not writers_done.is_set() or (await _greatest()) > reached:
            now = {i: n for i, n in (await _numbers(by_hand)).items() if n > reached}
            seen.update(now)
            reached = max([reached, *now.values()])

    async def _greatest() -> int:
        return max((await _numbers(by_hand)).values(), default=0)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        async with asyncio.TaskGroup() as writers:
            for writer in range(6):
                writers.create_task(write(writer))
        writers_done.set()
    assert seen == await _numbers(by_hand)


async def test_writers_of_the_same_rows_in_opposite_order_do_not_deadlock(
    postgres_dsn: str, by_hand: By
) -> None:
    await _add(by_hand, "c1", "c2", "w1", "w2")
    await _pair(by_hand, "c1", "w1")
    await _pair(by_hand, "c2", "w2")

    async def write(first: str, second: str) -> None:
        async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
            for label in range(30):
                async with connection.transaction():
                    for charger in (first, second):
                        await connection.execute(
                            "UPDATE chargers SET label = %s WHERE id = %s", (str(label), charger)
                        )
                        await connection.execute(
                            "UPDATE pairings SET paired_at = now() WHERE charger_id = %s",
                            (charger,),
                        )

    async with asyncio.TaskGroup() as group:
        group.create_task(write("c1", "c2"))
        group.create_task(write("c2", "c1"))


async def test_a_change_rings_once_and_a_label_does_not(postgres_dsn: str, by_hand: By) -> None:
    async def rings(connection: By) -> int:
        return len([n async for n in connection.notifies(timeout=0.2)])

    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as listening:
        await listening.execute("LISTEN directory_changed")
        async with by_hand.transaction():
            await _add(by_hand, "c1", "w1")
            await _pair(by_hand, "c1", "w1")
        assert await rings(listening) == 1
        await by_hand.execute("UPDATE chargers SET label = 'x'")
        assert await rings(listening) == 0


async def test_replacing_a_pairing_numbers_all_four_devices_alike(
    database: Database, by_hand: By
) -> None:
    await _add(by_hand, "c1", "c2", "w1", "w2")
    await _pair(by_hand, "c1", "w1")
    await _pair(by_hand, "c2", "w2")
    async with database.write_transaction(Actor("test")) as connection:
        pairing = await pairings.pair(connection, "c1", "w2")
    numbers = await _numbers(by_hand)
    assert set(numbers.values()) == {pairing.pairing_number}
    assert await _rows(by_hand, "SELECT charger_id, widget_id FROM pairings") == [("c1", "w2")]


async def test_ending_things_returns_the_number_it_drew(database: Database, by_hand: By) -> None:
    await _add(by_hand, "c1", "w1")
    await _pair(by_hand, "c1", "w1")
    async with database.write_transaction(Actor("test")) as connection:
        unpaired = await pairings.unpair(connection, "c1")
    assert unpaired == (await _numbers(by_hand))["w1"]
    async with database.write_transaction(Actor("test")) as connection:
        gone = await unregister(connection, Kind.CHARGER, "c1")
        assert await find(connection, Kind.CHARGER, "c1") is None
    assert gone == (await _numbers(by_hand))["c1"]
    async with database.write_transaction(Actor("test")) as connection:
        assert await pairings.unpair(connection, "c1") is None
        assert await unregister(connection, Kind.CHARGER, "c1") is None
