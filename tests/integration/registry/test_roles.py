"""A registry that does not own its tables: it works, and cannot rewrite the past."""

import asyncio
import contextlib
import uuid

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from services.registry.app import serve
from services.registry.postgres.migrate import load
from services.registry.postgres.runtime_role import give_rights
from services.registry.settings import RegistrySettings
from shared.process.runtime import CannotServeError
from tests.fixtures.postgres_at import as_runtime_role
from tests.integration.registry.conftest import (
    By,
    StartRegistry,
)
from tests.integration.registry.test_backup_commands import Commands
from tools.servers.credentials import SERVICES
from tools.servers.ports import free_port

FORBIDDEN = {
    "change an entry": "UPDATE audit_log SET who = 'nobody'",
    "change when it was": "UPDATE audit_log SET at = now() - interval '1 year'",
    "empty an entry that is not about a rental": "UPDATE audit_log SET details = '{}'",
    "say something else of a rental": "UPDATE audit_log SET details = '{\"a\": 1}'",
    "remove an entry": "DELETE FROM audit_log",
    "remove all": "TRUNCATE audit_log",
    "add one of long ago": "INSERT INTO audit_log (at, who, action, kind, subject, details)"
    " VALUES (now() - interval '99 days', 'somebody', 'created', 'charger', 'c9', '{}')",
    "add one between others": "INSERT INTO audit_log (id, who, action, kind, subject, details)"
    " OVERRIDING SYSTEM VALUE VALUES (0, 'somebody', 'created', 'charger', 'c9', '{}')",
    "switch off what refuses it": "ALTER TABLE audit_log DISABLE TRIGGER USER",
    "switch off all triggers": "SET session_replication_role = replica",
    "drop what refuses it": "DROP TRIGGER refuse_removing ON audit_log",
    "replace what refuses it": "CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "put a function in its place": "ALTER FUNCTION refuse_rewriting() RENAME TO another",
    "drop the table": "DROP TABLE audit_log",
    "change the table": "ALTER TABLE audit_log DROP COLUMN who",
    "start its numbers again": "ALTER TABLE audit_log ALTER COLUMN id RESTART",
    "make a table": "CREATE TABLE another ()",
    "say that a migration was applied": "DELETE FROM schema_migrations",
    "remove a key without a trace": "DELETE FROM api_keys",
    "take over a key": "UPDATE api_keys SET hash = '\\x00'",
    "let a key out of its booth": "UPDATE api_keys SET booth = NULL",
    "let a viewer open rentals": "UPDATE api_keys SET opens_rentals = true",
    "say that an entry is of another booth": "UPDATE audit_log SET booth = 'c9'",
    "give a key another role": "UPDATE api_keys SET role = 'admin'",
    "become the owner": f"SET ROLE {SERVICES.name}",
    "read a file of the server": "SELECT pg_read_file('/etc/hostname')",
}


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: their owner makes them."""
    return empty_postgres_dsn


@pytest.fixture
async def runtime_dsn(postgres_dsn: str) -> str:
    return await as_runtime_role(postgres_dsn)


@pytest.fixture
async def runtime(by_hand: By, runtime_dsn: str) -> AsyncConnection:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")
    return await AsyncConnection.connect(runtime_dsn, autocommit=True)


async def test_it_cannot_rewrite_the_audit_log(runtime: AsyncConnection, by_hand: By) -> None:
    before = await (await by_hand.execute("SELECT * FROM audit_log ORDER BY id")).fetchall()
    assert before
    async with runtime:
        for what, statement in FORBIDDEN.items():
            with contextlib.suppress(psycopg.Error):
                await runtime.execute(statement.encode())
                pytest.fail(f"it may {what}")
    assert before == await (await by_hand.execute("SELECT * FROM audit_log ORDER BY id")).fetchall()


@pytest.mark.parametrize(
    "statements",
    [
        [
            "CREATE TEMP TABLE audit_log (LIKE audit_log INCLUDING ALL)",
            "DELETE FROM public.chargers",
        ],
        ["UPDATE pairings SET charger_id = 'c2'"],
    ],
    ids=["with a table in front of the audit log", "by moving a pairing"],
)
async def test_what_it_changes_leaves_a_trace(
    runtime: AsyncConnection, by_hand: By, statements: list[str]
) -> None:
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c2')")
    await by_hand.execute("INSERT INTO widgets (id) VALUES ('w1')")
    await by_hand.execute("INSERT INTO pairings (charger_id, widget_id) VALUES ('c1', 'w1')")
    async with runtime:
        for statement in statements:
            await runtime.execute(statement.encode())
    cursor = await by_hand.execute(
        "SELECT subject FROM audit_log WHERE action = 'removed' AND who LIKE 'postgres:%runtime'"
    )
    assert ("c1",) in await cursor.fetchall()


async def test_no_trigger_looks_among_temporary_tables_first(by_hand: By) -> None:
    """Also of later versions: a function that sets its path must put them last."""
    cursor = await by_hand.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
        " AND proconfig::text LIKE '%search_path%' AND proconfig::text NOT LIKE '%, pg_temp%'"
    )
    assert await cursor.fetchall() == []


async def test_it_registers_rents_erases_and_prunes(
    start_registry: StartRegistry, by_hand: By, runtime_dsn: str
) -> None:
    registry = await start_registry(postgres_dsn=runtime_dsn)
    assert (await registry.send("PUT", "/chargers/c1", {})).status_code == 201
    assert (await registry.send("PUT", "/widgets/w1", {})).status_code == 201
    rental = f"/rentals/{uuid.uuid4()}"
    opened = await registry.send("PUT", rental, {"charger": "c1", "widget": "w1", "ticket": "t"})
    assert opened.status_code == 201, opened.text
    rows = await registry.client.post(
        f"{registry.url}/import",
        content="kind,id,widget\ncharger,c2,w2\nwidget,w2,\n",
        headers={"Content-Type": "text/csv"},
    )
    assert rows.status_code == 200, rows.text
    assert (await registry.send("DELETE", "/chargers/c2")).status_code in (200, 204)
    assert (await registry.readiness())[0] == 200
    entries = await (await by_hand.execute("SELECT kind FROM audit_log")).fetchall()
    assert {"charger", "widget", "pairing", "rental", "import"} <= {kind for (kind,) in entries}


async def test_its_user_is_neither_the_owner_nor_one_who_may_become_it(
    by_hand: By, postgres_dsn: str, postgres_admin_dsn: str, runtime_dsn: str
) -> None:
    with pytest.raises(CannotServeError, match="have the same user"):
        await give_rights(by_hand, postgres_dsn)
    name = str(conninfo_to_dict(runtime_dsn)["user"])
    async with await AsyncConnection.connect(postgres_admin_dsn, autocommit=True) as admin:
        # Made by a registry that was the only user, before there was an owner apart from it.
        with pytest.raises(CannotServeError, match="owns the tables"):
            await give_rights(admin, postgres_dsn)
        for power in ("SUPERUSER", "CREATEROLE"):  # the latter may make itself a member of roles
            await admin.execute(f"ALTER ROLE {name} {power}".encode())
            try:
                with pytest.raises(CannotServeError, match="could do all that the owner can"):
                    await give_rights(by_hand, runtime_dsn)
            finally:
                await admin.execute(f"ALTER ROLE {name} NO{power}".encode())


async def test_a_registry_that_lacks_tables_says_who_makes_them(
    redis_url: str, postgres_dsn: str, runtime_dsn: str
) -> None:
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as owner:
        await owner.execute("DELETE FROM schema_migrations WHERE name = %s", (load()[-1].name,))
    settings = RegistrySettings(
        host="127.0.0.1",
        port=free_port(),
        health_port=free_port(),
        redis_url=redis_url,
        postgres_dsn=SecretStr(runtime_dsn),
    )
    with pytest.raises(BaseExceptionGroup) as ended:
        await serve(settings, asyncio.Event())
    assert "chargelight-registry migrate" in repr(ended.value.exceptions)


async def test_the_command_makes_tables_and_the_user_and_may_be_repeated(
    postgres_admin_dsn: str,
) -> None:
    runtime = make_conninfo(
        postgres_admin_dsn, user="chargelight_test_made", password=SERVICES.password
    )
    command = Commands({"CHARGELIGHT_POSTGRES_DSN": runtime})
    refused = await command.run("migrate")
    assert (refused.code, "CHARGELIGHT_POSTGRES_OWNER_DSN" in refused.errors) == (2, True)
    command.settings["CHARGELIGHT_POSTGRES_OWNER_DSN"] = postgres_admin_dsn
    for _ in range(2):
        done = await command.run("migrate")
        assert (done.code, done.output) == (0, "")
        assert "chargelight_test_made has the rights of a registry" in done.errors
        assert SERVICES.password not in done.errors
    async with await AsyncConnection.connect(runtime) as connection:
        await connection.execute("SELECT * FROM chargers")
    async with await AsyncConnection.connect(postgres_admin_dsn) as owner:
        await owner.execute("DROP OWNED BY chargelight_test_made")
        await owner.execute("DROP ROLE chargelight_test_made")


async def test_the_command_of_an_older_version_takes_no_right_that_a_newer_one_needs(
    postgres_admin_dsn: str,
) -> None:
    role = "chargelight_test_newer"
    runtime = make_conninfo(postgres_admin_dsn, user=role, password=SERVICES.password)
    command = Commands(
        {
            "CHARGELIGHT_POSTGRES_DSN": runtime,
            "CHARGELIGHT_POSTGRES_OWNER_DSN": postgres_admin_dsn,
        }
    )
    assert (await command.run("migrate")).code == 0
    async with await AsyncConnection.connect(postgres_admin_dsn, autocommit=True) as owner:

        async def may_read() -> bool:
            cursor = await owner.execute(
                "SELECT has_table_privilege(%s, 'newer', 'SELECT')", [role]
            )
            return await cursor.fetchone() == (True,)

        await owner.execute("CREATE TABLE newer ()")
        await owner.execute(f"GRANT SELECT ON newer TO {role}".encode())
        await owner.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_newer.sql', '')"
        )
        kept = await command.run("migrate")
        assert (kept.code, await may_read()) == (0, True)
        assert "of a newer version (9999_newer.sql)" in kept.errors
        # With its own tables only, it has its own rights only.
        await owner.execute("DELETE FROM schema_migrations WHERE name = '9999_newer.sql'")
        taken = await command.run("migrate")
        assert (taken.code, await may_read()) == (0, False)
        assert "up to date" in taken.errors
        await owner.execute(f"DROP OWNED BY {role}".encode())
        await owner.execute(f"DROP ROLE {role}".encode())
