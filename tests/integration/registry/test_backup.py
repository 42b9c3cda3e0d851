"""Backup and restore: everything comes back, or nothing is changed."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from services.registry.backup.backup_file import BackupReader
from services.registry.backup.comparison import compare_with_hub, differences
from services.registry.backup.refusal import RefusedError
from services.registry.backup.restore import restore
from services.registry.backup.tables import TABLES
from services.registry.backup.take_backup import take_backup
from services.registry.postgres.migrate import load, migrate
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.integration.registry.conftest import StartRegistry, eventually
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.whole_database import (
    SECRETS,
    By,
    back_up,
    content,
    fill,
    put_back,
    tables_in,
)
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.server import Postgres

CHANGED_SINCE = """
    DELETE FROM pairings WHERE charger_id = 'c1';
    INSERT INTO chargers (id) VALUES ('c9');
    INSERT INTO pairings (charger_id, widget_id) VALUES ('c9', 'w1');
"""


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: that is what a backup is restored into."""
    return empty_postgres_dsn


@pytest.fixture
async def by_hand(postgres_dsn: str) -> AsyncIterator[By]:
    """A connection to an empty database, without tables."""
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def other(postgres_server: Postgres) -> AsyncIterator[By]:
    """A connection to another empty database."""
    with temporary_database(postgres_server) as dsn:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            yield connection


async def _last_audit_entry(connection: By) -> tuple[int, str, str, str]:
    cursor = await connection.execute(
        "SELECT id, who, kind, subject FROM audit_log ORDER BY id DESC LIMIT 1"
    )
    (entry,) = await cursor.fetchall()
    id_, who, kind, subject = entry
    return id_, who, kind, subject


async def _forget_the_restore(connection: By) -> None:
    """Remove what a restore adds to the backup's content: one audit entry."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM audit_log WHERE kind = 'database'")
        await connection.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")
        await connection.execute("SELECT setval('audit_log_id_seq', max(id)) FROM audit_log")


async def test_a_backup_knows_every_table(by_hand: By) -> None:
    await migrate(by_hand, load())
    assert {*await tables_in(by_hand)} <= {*TABLES, "schema_migrations"}


async def test_everything_comes_back(by_hand: By, other: By) -> None:
    await fill(by_hand)
    before = await content(by_hand)
    assert all(before.values()), "a table without rows shows nothing"
    await put_back(other, await back_up(by_hand))
    id_, who, kind, subject = await _last_audit_entry(other)
    assert (id_, kind, subject) == (len(before["audit_log"]) + 1, "database", "restore")
    assert who.startswith("postgres:")
    await _forget_the_restore(other)
    assert await content(other) == before


async def test_what_comes_back_is_numbered_locked_and_guarded_as_before(
    by_hand: By, other: By
) -> None:
    await fill(by_hand)
    await put_back(other, await back_up(by_hand))
    cursor = await other.execute("SELECT last_value FROM pairing_numbers")
    (last,) = (await cursor.fetchall())[0]
    await other.execute("INSERT INTO chargers (id) VALUES ('c9')")
    cursor = await other.execute("SELECT pairing_number FROM chargers WHERE id = 'c9'")
    assert await cursor.fetchall() == [(last + 1,)]
    for statement in (
        b"UPDATE chargers SET pairing_number = 1",
        b"TRUNCATE pairings",
        b"DELETE FROM audit_log",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            await other.execute(statement)
    cursor = await other.execute(
        "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O' "
        "UNION SELECT nspname FROM pg_namespace WHERE nspname ~ 'restore'"
    )
    assert await cursor.fetchall() == []


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("version", range(1, len(load())))
async def test_an_older_schema_becomes_what_migrating_makes_of_it(
    by_hand: By, other: By, version: int, *, replace: bool
) -> None:
    await fill(other, migrations=version)
    backup = await back_up(other)
    if replace:
        await fill(by_hand)
        await by_hand.execute("DELETE FROM chargers; DELETE FROM widgets; DELETE FROM api_keys")
    await put_back(by_hand, backup, replace=replace)
    await migrate(other, load())
    # A token is drawn, a tombstone dated, and a booth made of a location when it is migrated;
    # numbers go on behind those that were used here.
    since = {"token": 6, "unregistered_at": 7, "created_at": 15}
    without = [name for name, first in since.items() if version < first]
    found, expected = await content(by_hand, without=without), await content(other, without=without)
    for table in expected.keys() - {"audit_log", "last_draw", "sequences"}:
        assert found[table] == expected[table], table
    last, expected_last = (dict(each["sequences"])["pairing_numbers"] for each in (found, expected))
    assert replace or last == expected_last


async def test_a_database_that_holds_something_is_replaced_only_on_request(by_hand: By) -> None:
    await fill(by_hand)
    backup = await back_up(by_hand)
    before = await content(by_hand)
    await by_hand.execute(CHANGED_SINCE.encode())
    changed = await content(by_hand)
    with pytest.raises(RefusedError, match=r"not empty.*--replace"):
        await put_back(by_hand, backup)
    assert await content(by_hand) == changed
    await put_back(by_hand, backup, replace=True)
    found = await content(by_hand)
    for table in before.keys() - {"audit_log", "sequences"}:
        assert found[table] == before[table]


async def test_numbers_go_on_behind_those_of_both(by_hand: By) -> None:
    await fill(by_hand)
    backup = await back_up(by_hand)
    await by_hand.execute(CHANGED_SINCE.encode())
    before = dict((await content(by_hand))["sequences"])
    await put_back(by_hand, backup, replace=True)
    after = dict((await content(by_hand))["sequences"])
    assert after == before | {"audit_log_id_seq": before["audit_log_id_seq"] + 1}


async def test_what_was_done_since_the_backup_stays_on_record(by_hand: By) -> None:
    await fill(by_hand)
    backup = await back_up(by_hand)
    await by_hand.execute(CHANGED_SINCE.encode())
    before = (await content(by_hand))["audit_log"]
    await put_back(by_hand, backup, replace=True)
    entries = (await content(by_hand))["audit_log"]
    assert [entry for entry in entries if entry["kind"] != "database"] == before


async def test_the_record_of_another_history_goes(by_hand: By, other: By) -> None:
    await fill(other)
    await fill(by_hand)
    await by_hand.execute(CHANGED_SINCE.encode())
    backup = await back_up(other)
    await put_back(by_hand, backup, replace=True)
    await _forget_the_restore(by_hand)
    assert (await content(by_hand))["audit_log"] == (await content(other))["audit_log"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (rb"^", b"hello\n", "no backup"),
        (rb'"chargelight-backup"', b'"tar"', "no backup"),
        (rb'"version":1', b'"version":2', "format 2"),
        (rb'"migrations":\[\[', b'"migrations":[["9999_x.sql","0"],[', "newer version: 9999_x"),
        (rb'"migrations":.*\]\]', b'"migrations":[]', "no version"),
        (rb"door|bar", b"baz", "checksum"),
        (rb'("sequences":\{[^}]*)\d', rb"\g<1>9", "checksum"),
        (rb"\nc1\t", b"\nc1\tc1\t", r"chargers \(22P04\)"),
        (rb"\nc1\t", b"\nc1 (\t", r"chargers \(23514\)"),
        (rb"\nc1\tw1\t(\d+)\t", b"\nc1\tw2\tx%s\t" % SECRETS[0].encode(), r"\(22P02\)"),
        (rb"\nc1\tw1\t", b"\nc1\tw9\t", r"pairings \(23503\)"),
        (rb'"table":"widgets"', b'"table":"gadgets"', "tables are not"),
        (rb'"columns":\["id",', b'"columns":["id","id",', "tables are not"),
        (rb'\{"table":"unregistered(.|\n)*?\n\\\.\n', b"", "checksum|missing"),
        (rb"$", b"more", "damaged"),
    ],
)
async def test_a_file_that_is_not_right_is_refused_and_nothing_changes(
    by_hand: By, old: bytes, new: bytes, reason: str
) -> None:
    await fill(by_hand)
    backup = await back_up(by_hand)
    wrong = re.sub(old, new, backup, count=1)
    assert wrong != backup
    await by_hand.execute(CHANGED_SINCE.encode())
    before = await content(by_hand)
    with pytest.raises(RefusedError, match=reason) as refusal:
        await put_back(by_hand, wrong, replace=True)
    assert await content(by_hand) == before
    assert not any(each in str(refusal.value) for each in SECRETS)


async def test_half_a_backup_is_refused_wherever_it_ends(by_hand: By, other: By) -> None:
    await fill(other)
    lines = (await back_up(other)).splitlines(keepends=True)
    await migrate(by_hand, load())
    before = await content(by_hand)
    for number in range(len(lines)):
        with pytest.raises(RefusedError):
            await put_back(by_hand, b"".join(lines[:number]))
    assert await content(by_hand) == before


async def test_a_database_of_a_newer_version_is_refused(by_hand: By, other: By) -> None:
    await fill(other)
    backup = await back_up(other)
    await migrate(by_hand, load())
    await by_hand.execute("INSERT INTO schema_migrations VALUES ('9999_newer.sql', 'x')")
    with pytest.raises(RefusedError, match="database is of a newer version: 9999_newer"):
        await put_back(by_hand, backup)
    with pytest.raises(RefusedError, match="database is of a newer version: 9999_newer"):
        await back_up(by_hand)


async def test_a_database_without_tables_has_no_backup(by_hand: By) -> None:
    with pytest.raises(RefusedError, match="no tables"):
        await back_up(by_hand)


async def test_two_backups_at_once_are_the_same_also_while_a_writer_works(
    by_hand: By, postgres_dsn: str
) -> None:
    await fill(by_hand)
    async with (
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as one,
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as two,
        by_hand.transaction(),
    ):
        await by_hand.execute(CHANGED_SINCE.encode())
        found = await asyncio.gather(back_up(one), back_up(two))
    rows = [each.splitlines()[1:-1] for each in found]
    assert rows[0] == rows[1]
    assert not any(line.startswith(b"c9\t") for line in rows[0])


async def test_a_writer_waits_for_a_restore_and_is_numbered_behind_it(
    by_hand: By, postgres_dsn: str
) -> None:
    await fill(by_hand)
    backup = await back_up(by_hand)
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as writer:
        async with by_hand.transaction():
            await put_back(by_hand, backup, replace=True)
            writing = asyncio.create_task(writer.execute("INSERT INTO chargers (id) VALUES ('c9')"))
            await eventually(lambda: _waits(by_hand, writer))
            # Reading goes on meanwhile.
            impatient = make_conninfo(postgres_dsn, options="-c statement_timeout=5s")
            async with await AsyncConnection.connect(impatient) as reader:
                assert len(await (await reader.execute("SELECT FROM chargers")).fetchall()) == 2
        await writing
    cursor = await by_hand.execute("SELECT id FROM chargers ORDER BY pairing_number DESC LIMIT 1")
    assert await cursor.fetchall() == [("c9",)]


async def test_a_writer_that_waits_with_its_table_locked_goes_first(
    by_hand: By, other: By, postgres_dsn: str
) -> None:
    await fill(other)
    backup = await back_up(other)
    await migrate(by_hand, load())
    async with (
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as holder,
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as writer,
    ):
        async with holder.transaction():
            await holder.execute("SELECT lock_directory()")
            restoring = asyncio.create_task(put_back(by_hand, backup, replace=True))
            await eventually(lambda: _waits(holder, by_hand))
            writing = asyncio.create_task(writer.execute("INSERT INTO chargers (id) VALUES ('c9')"))
            await eventually(lambda: _waits(holder, writer))
        await asyncio.gather(writing, restoring)
    found = (await content(by_hand))["audit_log"]
    assert [each["kind"] for each in found if each["subject"] in {"c9", "restore"}] == ["database"]


async def test_a_restore_waits_for_a_writer_and_sees_what_it_wrote(
    by_hand: By, other: By, postgres_dsn: str
) -> None:
    await fill(other)
    backup = await back_up(other)
    await migrate(by_hand, load())
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as writer:
        async with writer.transaction():
            await writer.execute("INSERT INTO chargers (id) VALUES ('c9')")
            restoring = asyncio.create_task(put_back(by_hand, backup))
            await eventually(lambda: _waits(writer, by_hand))
        with pytest.raises(RefusedError, match="not empty"):
            await restoring


class Hooked(io.BytesIO):
    """A file that runs a statement, as another user, when a part of it is read or written."""

    def __init__(self, data: bytes, dsn: str, part: bytes, statement: LiteralString) -> None:
        super().__init__(data)
        self._dsn = make_conninfo(dsn, options="-c lock_timeout=500ms")
        self._part = part
        self._statement = statement
        self.done = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self._look(line)
        return line

    def write(self, data: Any, /) -> int:
        self._look(bytes(data))
        return super().write(data)

    def _look(self, data: bytes) -> None:
        if data.startswith(self._part):
            with psycopg.connect(self._dsn) as operator:
                operator.execute(self._statement)
            self.done += 1


async def test_a_backup_is_of_one_moment(by_hand: By, postgres_dsn: str) -> None:
    await fill(by_hand)
    file = Hooked(
        b"", postgres_dsn, b'{"table":"widgets"', "INSERT INTO widgets (id) VALUES ('w9')"
    )
    await take_backup(by_hand, file)
    assert file.done == 1
    assert b"\nw9\t" not in file.getvalue()


async def test_no_key_is_made_that_the_restore_would_undo(
    by_hand: By, other: By, postgres_dsn: str
) -> None:
    await fill(other)
    backup = await back_up(other)
    await migrate(by_hand, load())
    insert = "INSERT INTO api_keys (id, name, role, hash) VALUES ('k9', 'x', 'admin', '')"
    file = Hooked(backup, postgres_dsn, b'{"sha256"', insert)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        async with by_hand.transaction():
            await restore(by_hand, BackupReader(file), replace=False)


async def test_no_change_is_accepted_that_the_restore_would_undo(
    by_hand: By, other: By, postgres_dsn: str
) -> None:
    await fill(other, migrations=1)  # whose migration locks nothing
    backup = await back_up(other)
    await fill(by_hand)
    insert: LiteralString = "INSERT INTO chargers (id) VALUES ('c9')"
    file = Hooked(backup, postgres_dsn, b'{"table"', insert)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        async with by_hand.transaction():
            await restore(by_hand, BackupReader(file), replace=True)


async def test_settings_of_the_servers_do_not_matter(by_hand: By, other: By) -> None:
    await fill(by_hand)
    before = await content(by_hand)
    await by_hand.execute("SET datestyle TO 'SQL, DMY'; SET timezone TO 'Asia/Tokyo'")
    backup = await back_up(by_hand)
    await put_back(other, backup)
    assert (await content(other))["chargers"] == before["chargers"]


async def _waits(connection: By, waiting: By) -> bool:
    cursor = await connection.execute(
        "SELECT FROM pg_locks WHERE pid = %s AND NOT granted", (waiting.info.backend_pid,)
    )
    return bool(await cursor.fetchall())


async def test_a_user_who_may_not_make_a_schema_changes_nothing(
    by_hand: By, other: By, postgres_admin_dsn: str
) -> None:
    await fill(other)
    backup = await back_up(other)
    await migrate(by_hand, load())
    dsn = make_conninfo(postgres_admin_dsn, options="-c role=pg_read_all_data")
    async with await AsyncConnection.connect(dsn, autocommit=True) as reader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await put_back(reader, backup)


async def test_a_running_registry_brings_the_restored_pairings_into_effect(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis
) -> None:
    registry = await start_registry(full_projection_seconds=3600.0)
    for path, body in [
        ("/chargers/c1", {}),
        ("/chargers/c2", {}),
        ("/widgets/w1", {}),
        ("/widgets/w2", {}),
        ("/pairings/c1", {"widget": "w1"}),
        ("/pairings/c2", {"widget": "w2"}),
    ]:
        await registry.send("PUT", path, body)
    kept = await in_redis.charger("c2")
    backup = await back_up(by_hand)
    await registry.send("DELETE", "/pairings/c1")
    await registry.send("PUT", "/chargers/c9", {})
    await registry.send("PUT", "/pairings/c9", {"widget": "w1"})
    await put_back(by_hand, backup, replace=True)

    async def is_in_effect() -> bool:
        wanted = [
            (await in_redis.charger("c1"), "widget"),
            (await in_redis.widget("w1"), "charger"),
            (await in_redis.charger("c9"), "unregistered"),
        ]
        return [each and each.get(key) for each, key in wanted] == ["w1", "c1", True]

    await eventually(is_in_effect)
    # Who was not changed since keeps its pairing, and its light.
    found = await in_redis.charger("c2")
    assert kept
    assert found
    assert kept | {"paired_at": 0} == found | {"paired_at": 0}


async def test_a_running_registry_projects_also_what_has_old_numbers(
    start_registry: StartRegistry, by_hand: By, other: By, in_redis: InRedis
) -> None:
    await fill(other)
    await other.execute("INSERT INTO chargers (id) VALUES ('c9')")
    backup = await back_up(other)
    registry = await start_registry(full_projection_seconds=3600.0)
    # It has seen all numbers but the last: to it, only c9 would be new.
    for number in range(1, dict((await content(other))["sequences"])["pairing_numbers"]):
        await registry.send("PUT", f"/chargers/new-{number}", {})
    await put_back(by_hand, backup, replace=True)

    async def is_projected() -> bool:
        return await in_redis.charger("c1") is not None

    await eventually(is_projected)


async def test_another_token_under_the_same_number_is_a_difference(
    start_registry: StartRegistry, by_hand: By, bus: Bus, names: Names
) -> None:
    registry = await start_registry()
    for number in 1, 2:
        await registry.send("PUT", f"/chargers/c{number}", {})
        await registry.send("PUT", f"/widgets/w{number}", {})
        await registry.send("PUT", f"/pairings/c{number}", {"widget": f"w{number}"})
    await registry.end()
    async with by_hand.transaction():
        await by_hand.execute("ALTER TABLE pairings DISABLE TRIGGER USER")
        await by_hand.execute("UPDATE pairings SET token = repeat('0', 16) WHERE charger_id = 'c1'")
        assert await compare_with_hub(by_hand, bus, names) is None
    found = [each async for each in differences(by_hand)]
    assert [(each.id, each.hub_partner, each.restored_partner) for each in found] == [
        ("c1", "w1", "w1")
    ]
