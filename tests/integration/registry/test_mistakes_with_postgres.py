"""What an operator may do to Postgres by mistake: the registry says so, lives, and recovers.

The table in docs/operations.md has the same rows. Each row does the mistake to a real Postgres
while a registry runs, looks at its log and its ``/readyz``, undoes the mistake, and waits until the
registry works again, without a restart.
"""

import asyncio
import contextlib
import secrets
import uuid
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from structlog.testing import capture_logs

from services.registry.postgres import database, listener, troubles
from shared.bus.bus import Bus
from shared.contract.names import Names
from tests.fixtures.fault_proxy import HOST, stalling_proxy
from tests.fixtures.transaction_pooler import pooling
from tests.integration.registry.conftest import RunningRegistry, StartRegistry, eventually
from tools.servers.postgres.server import Postgres

HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
RAISE = """
    CREATE FUNCTION mistake() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION {what}; END $$;
    CREATE TRIGGER mistake BEFORE UPDATE ON rentals EXECUTE FUNCTION mistake()
"""
NO_LONGER_RAISE = "DROP FUNCTION mistake CASCADE"
REFUSES, BUSY = "postgres-refuses", "directory-busy"
BRIEF = "the registry's connections are ended by hand"
"""It is over before a test could look."""


@dataclass(frozen=True)
class Mistake:
    """A row of the table."""

    do: str = ""
    undo: str = ""
    """Statements of a superuser; {role} is the registry's user."""
    hold: str = ""
    """A statement whose transaction stays open meanwhile."""
    readyz: str | None = None
    """Part of the reason; None: it stays ready."""
    log: tuple[str, str] | None = ("warning", "postgres refuses")
    over: str = "postgres no longer refuses"
    reading: str | None = None
    """The problem that a reading request gets; None: it is answered."""
    writing: str | None = REFUSES
    transition: bool = False
    """Whether a light changes meanwhile, which has to be recorded in a rental."""


RIGHT = "The registry lacks a right in Postgres: "
TABLES = "Postgres does not have the tables that this version needs: "
LOGIN = "Postgres does not let the registry in: "
LOCK = "Another transaction holds a lock in Postgres: "

MISTAKES = {
    "the right to read a table is revoked": Mistake(
        "REVOKE SELECT ON chargers FROM {role}",
        "GRANT SELECT ON chargers TO {role}",
        readyz=RIGHT + "no SELECT on the table chargers",
        reading=REFUSES,
    ),
    "the right to write a table is revoked": Mistake(
        "REVOKE INSERT ON widgets FROM {role}",
        "GRANT INSERT ON widgets TO {role}",
        readyz=RIGHT + "no INSERT on the table widgets",
        writing=None,
    ),
    "the tables get another owner": Mistake(
        "ALTER TABLE chargers OWNER TO CURRENT_USER",
        "ALTER TABLE chargers OWNER TO {role}",
        readyz=RIGHT + "no SELECT on the table chargers",
        reading=REFUSES,
    ),
    "a table is renamed or dropped": Mistake(
        "ALTER TABLE rentals RENAME TO rentals_of_2025",
        "ALTER TABLE rentals_of_2025 RENAME TO rentals",
        readyz=TABLES + "the table rentals is not there",
        writing=None,
    ),
    "a column is renamed or dropped": Mistake(
        "ALTER TABLE widgets RENAME COLUMN secrets_number TO number_of_secrets",
        "ALTER TABLE widgets RENAME COLUMN number_of_secrets TO secrets_number",
        readyz=TABLES,
        writing=None,
    ),
    "a function is dropped": Mistake(
        "ALTER FUNCTION lock_directory RENAME TO lock_the_directory",
        "ALTER FUNCTION lock_the_directory RENAME TO lock_directory",
        readyz=TABLES,
        transition=True,
    ),
    "the type of a column is changed": Mistake(
        "ALTER TABLE chargers ALTER COLUMN label TYPE varchar(100)",
        "ALTER TABLE chargers ALTER COLUMN label TYPE text",
        log=None,
        writing=None,
    ),
    "a table is locked for long": Mistake(
        hold="LOCK TABLE chargers IN ACCESS EXCLUSIVE MODE",
        readyz=LOCK,
        reading=BUSY,
        writing=BUSY,
    ),
    "a transaction with a change is left open in psql": Mistake(
        hold="UPDATE chargers SET label = 'forgotten'",
        readyz=LOCK,
        transition=True,
        writing=BUSY,
    ),
    BRIEF: Mistake(
        HANG_UP, log=("warning", "postgres is away"), over="postgres is there", writing=None
    ),
    "the role may have no more connections": Mistake(
        "ALTER ROLE {role} CONNECTION LIMIT 0; " + HANG_UP,
        "ALTER ROLE {role} CONNECTION LIMIT -1",
        readyz="Postgres has no connection left for the registry: ",
        reading=REFUSES,
    ),
    "the role may not log in any more": Mistake(
        "ALTER ROLE {role} NOLOGIN; " + HANG_UP,
        "ALTER ROLE {role} LOGIN",
        readyz=LOGIN,
        reading=REFUSES,
    ),
    "the database takes no connections": Mistake(
        "ALTER DATABASE {database} ALLOW_CONNECTIONS false; " + HANG_UP,
        "ALTER DATABASE {database} ALLOW_CONNECTIONS true",
        readyz=LOGIN,
        reading=REFUSES,
    ),
    "the database is renamed": Mistake(
        "{end_all}; ALTER DATABASE {database} RENAME TO {database}_old",
        "ALTER DATABASE {database}_old RENAME TO {database}",
        readyz=LOGIN,
        reading=REFUSES,
    ),
    "transactions become read-only, as on a standby": Mistake(
        "ALTER ROLE {role} SET default_transaction_read_only = on; " + HANG_UP,
        "ALTER ROLE {role} RESET default_transaction_read_only; " + HANG_UP,
        readyz="Postgres is read-only: ",
    ),
    "the role gets other settings": Mistake(
        "ALTER ROLE {role} SET client_encoding = 'SQL_ASCII'; "
        "ALTER ROLE {role} SET DateStyle = 'German'; "
        "ALTER ROLE {role} SET default_transaction_isolation = 'serializable'; "
        "ALTER ROLE {role} SET statement_timeout = '1s'; " + HANG_UP,
        "ALTER ROLE {role} RESET ALL",
        log=("warning", "postgres is away"),
        over="postgres is there",
        writing=None,
    ),
    "the role gets another search_path": Mistake(
        "CREATE SCHEMA other AUTHORIZATION {role}; ALTER ROLE {role} SET search_path = other; "
        + HANG_UP,
        "ALTER ROLE {role} RESET search_path; DROP SCHEMA other; " + HANG_UP,
        readyz=TABLES + "the table schema_migrations is not there",
        reading=REFUSES,
    ),
    "the database is replaced by an empty one, then restored": Mistake(
        "{end_all}; ALTER DATABASE {database} RENAME TO {database}_old; "
        "CREATE DATABASE {database} TEMPLATE template0 OWNER {role}",
        "{end_all}; DROP DATABASE {database} WITH (FORCE); "
        "ALTER DATABASE {database}_old RENAME TO {database}",
        readyz=TABLES + "the table schema_migrations is not there",
        reading=REFUSES,
    ),
    "a dump is restored, and its list of migrations is not there yet": Mistake(
        "CREATE TABLE kept AS TABLE schema_migrations; TRUNCATE schema_migrations; " + HANG_UP,
        "INSERT INTO schema_migrations TABLE kept; DROP TABLE kept",
        readyz=TABLES,
        writing=None,
    ),
    "the disk is full": Mistake(  # as Postgres says it: the disk of a test has room
        RAISE.replace("{what}", "'could not extend file' USING ERRCODE = 'disk_full'"),
        NO_LONGER_RAISE,
        readyz="Postgres has no room on its disk: could not extend file",
        writing=None,
        transition=True,
    ),
    "Postgres is out of memory": Mistake(
        RAISE.replace("{what}", "'out of memory' USING ERRCODE = 'out_of_memory'"),
        NO_LONGER_RAISE,
        readyz="Postgres is out of memory, or at another limit of its own: out of memory",
        writing=None,
        transition=True,
    ),
    "data is damaged": Mistake(
        RAISE.replace("{what}", "'invalid page in block 7' USING ERRCODE = 'data_corrupted'"),
        NO_LONGER_RAISE,
        readyz="Postgres reports an internal error: invalid page in block 7",
        writing=None,
        transition=True,
    ),
    "a trigger or constraint is added that refuses": Mistake(
        RAISE.replace("{what}", "'no changes on Sundays'"),
        NO_LONGER_RAISE,
        readyz="Postgres refused a statement that it should not refuse: no changes on Sundays",
        log=("error", "postgres refuses"),
        writing=None,
        transition=True,
    ),
}


@dataclass(frozen=True)
class Owned:
    """A database of a role that may do only what a registry needs."""

    role: str
    database: str
    dsn: str
    """As the role."""
    admin_dsn: str
    """As a superuser, to the database."""
    other_dsn: str
    """The same to another database of the server."""

    async def do(self, statements: str) -> None:
        """Run statements in autocommit mode, those about the database from outside of it."""
        end_all = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
        said = statements.replace("{end_all}", end_all)
        outside = " DATABASE " in said
        dsn = self.other_dsn if outside else self.admin_dsn
        parts = said.split("; ") if outside else [said]
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            for part in filter(None, parts):
                text = part.replace("{role}", self.role).replace("{database}", self.database)
                await connection.execute(text.encode())


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: the one who owns it makes them."""
    return empty_postgres_dsn


@pytest.fixture
async def owned(postgres_server: Postgres, postgres_admin_dsn: str) -> AsyncIterator[Owned]:
    role = f"chargelight_test_{secrets.token_hex(6)}"
    database = str(conninfo_to_dict(postgres_admin_dsn)["dbname"])
    dsn = make_conninfo(postgres_admin_dsn, user=role, password=role)
    found = Owned(role, database, dsn, postgres_admin_dsn, postgres_server.admin_dsn)
    await found.do("CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    await found.do("ALTER DATABASE {database} OWNER TO {role}")
    yield found
    await found.do("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}")
    await found.do("DROP ROLE {role}")


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what waits for seconds wait for less."""
    monkeypatch.setattr(database, "WAIT_SECONDS", 1.0)
    monkeypatch.setattr(database, "_LIMITS", database._LIMITS.replace(b"'2s'", b"'500ms'"))
    monkeypatch.setattr(listener, "_HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(listener, "_SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(listener, "_GIVING_UP_SECONDS", 0.2)
    monkeypatch.setattr(troubles, "_LOCKED_SECONDS", 0.5)


@pytest.fixture
async def registry(owned: Owned, start_registry: StartRegistry, _quick: None) -> RunningRegistry:
    registry = await start_registry(postgres_dsn=owned.dsn, poll_seconds=0.2)
    for path, body in (
        ("/chargers/c1", {}),
        ("/widgets/w1", {}),
        ("/pairings/c1", {"widget": "w1"}),
    ):
        assert (await registry.send("PUT", path, body)).is_success
    return registry


async def hand_over(registry: RunningRegistry) -> dict[str, Any]:
    """Open a rental, and return the cells that a router writes when its phone is full."""
    path = f"/rentals/{uuid.uuid4()}"
    rental = await registry.send("PUT", path, {"charger": "c1", "widget": "w1"})
    assert rental.is_success, rental.text
    number = (await registry.send("GET", "/pairings/c1")).json()["pairing_number"]
    return {"charger": "c1", "widget": "w1", "pairing": number, "status": "charged"}


Lines = list[MutableMapping[str, Any]]


def is_logged(lines: Lines, level: str, event: str) -> int:
    return sum((each["log_level"], each["event"]) == (level, event) for each in lines)


async def until_said(registry: RunningRegistry, mistake: Mistake, lines: Lines) -> None:
    """Wait for the log line and the reason in /readyz."""

    async def is_said() -> bool:
        assert not registry.task.done(), "the registry ended"
        if mistake.log is not None and not is_logged(lines, *mistake.log):
            return False
        with contextlib.suppress(httpx.TransportError):
            status, text = await registry.readiness()
            return status == 200 if mistake.readyz is None else mistake.readyz in text
        return False

    await eventually(is_said)


async def until_over(registry: RunningRegistry, mistake: Mistake, lines: Lines) -> None:
    """Wait until it works again, and has said so."""

    async def is_over() -> bool:
        assert not registry.task.done(), "the registry ended"
        if mistake.log is not None and not is_logged(lines, "info", mistake.over):
            return False
        return (await registry.readiness())[0] == 200

    await eventually(is_over)
    # Each thing once, however often it was tried; some mistakes are two, one after the other.
    # Where undoing it ends the connections too, Postgres may be away twice.
    said = Counter(str(each["reason"]).partition(":")[0] for each in lines if "part" in each)
    ends_again = any(ending in mistake.undo for ending in ("{end_all}", HANG_UP))
    assert max(said.values(), default=0) <= (2 if ends_again else 1), said


async def undo(mistake: Mistake, owned: Owned, psql: AsyncConnection[Any]) -> None:
    with contextlib.suppress(psycopg.OperationalError):  # its connection may have been ended
        await psql.rollback()
    if mistake.undo:
        await owned.do(mistake.undo)


def assert_refused(answer: httpx.Response, problem: str | None, owned: Owned) -> None:
    """Check an answer, and that it tells nothing of what is inside."""
    if problem is None:
        assert answer.is_success, answer.text
        return
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["type"] == f"urn:chargelight:problem:{problem}"
    for inside in (owned.role, owned.database, HOST, "SELECT", "lock_directory"):
        assert inside not in answer.text


async def until_answered(
    registry: RunningRegistry,
    owned: Owned,
    problem: str | None,
    method: str,
    body: object = None,
) -> None:
    """Wait for an answer as it should be: one may come on a connection that has just ended."""
    answer = await registry.send(method, "/chargers/c1", body)

    async def is_right() -> bool:
        nonlocal answer
        if problem is None and answer.is_success:
            return True
        if problem is not None and str(answer.json().get("type", "")).endswith(f":{problem}"):
            return True
        answer = await registry.send(method, "/chargers/c1", body)
        return False

    await eventually(is_right)
    assert_refused(answer, problem, owned)


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_said_survived_and_recovered_from(
    name: str, registry: RunningRegistry, owned: Owned, bus: Bus, names: Names
) -> None:
    mistake = MISTAKES[name]
    cells = await hand_over(registry)
    with capture_logs() as lines:
        async with await AsyncConnection.connect(owned.admin_dsn) as psql:
            if mistake.do:
                await owned.do(mistake.do)
            if mistake.hold:
                await psql.execute(mistake.hold.encode())
            if mistake.transition:
                words = [word for cell in cells.items() for word in cell]
                await bus.command("XADD", names.of_widget("w1").transitions, "*", *words)
            await until_said(registry, mistake, lines)
            if name != BRIEF:
                await until_answered(registry, owned, mistake.reading, "GET")
                await until_answered(registry, owned, mistake.writing, "PUT", {"label": "new"})
            await undo(mistake, owned, psql)
        await until_over(registry, mistake, lines)
    assert (await registry.send("PUT", "/chargers/c9", {})).json()["projected"] is True


async def test_a_full_disk_that_a_request_finds_is_told_until_there_is_room(
    registry: RunningRegistry, owned: Owned
) -> None:
    full = Mistake(
        RAISE.replace("{what}", "'could not extend file' USING ERRCODE = 'disk_full'").replace(
            "BEFORE UPDATE ON rentals", "BEFORE INSERT ON unregistered"
        )
        + "; CREATE TRIGGER mistake BEFORE INSERT ON widgets EXECUTE FUNCTION mistake()",
        NO_LONGER_RAISE,
        readyz="Postgres has no room on its disk: could not extend file",
    )
    with capture_logs() as lines:
        async with await AsyncConnection.connect(owned.admin_dsn) as psql:
            await owned.do(full.do)
            assert_refused(await registry.send("PUT", "/widgets/w2", {}), REFUSES, owned)
            await until_said(registry, full, lines)
            await undo(full, owned, psql)
        # Nobody asks for anything meanwhile.
        await until_over(registry, full, lines)


AT_START = {
    "the database does not exist": Mistake(
        "ALTER DATABASE {database} RENAME TO {database}_old",
        "ALTER DATABASE {database}_old RENAME TO {database}",
        readyz=LOGIN,
    ),
    "the role does not exist": Mistake(
        "ALTER ROLE {role} RENAME TO {role}_old",
        "ALTER ROLE {role}_old RENAME TO {role}",
        readyz=LOGIN,
    ),
    "Postgres is a standby": Mistake(
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "ALTER ROLE {role} RESET default_transaction_read_only",
        readyz="Postgres is read-only: ",
    ),
    "another registry makes the tables, and takes long": Mistake(
        hold="SELECT pg_advisory_xact_lock(726002)", readyz=LOCK
    ),
}


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("name", AT_START)
async def test_a_registry_waits_for_the_end_of_a_mistake_and_says_why(
    name: str, owned: Owned, start_registry: StartRegistry
) -> None:
    mistake = AT_START[name]
    with capture_logs() as lines:
        async with await AsyncConnection.connect(
            owned.other_dsn if "DATABASE" in mistake.do else owned.admin_dsn
        ) as psql:
            if mistake.do:
                await owned.do(mistake.do)
            if mistake.hold:
                await psql.execute(mistake.hold.encode())
            registry = await start_registry(postgres_dsn=owned.dsn, ready=False)
            await until_said(registry, mistake, lines)
            await undo(mistake, owned, psql)
        await until_over(registry, mistake, lines)


@pytest.mark.usefixtures("_quick")
async def test_a_postgres_that_hangs_is_said_to_be_away(
    owned: Owned, start_registry: StartRegistry
) -> None:
    where = conninfo_to_dict(owned.dsn)
    hangs = Mistake(
        readyz="Postgres does not answer in time",
        log=("warning", "postgres is away"),
        over="postgres is there",
    )
    async with stalling_proxy(str(where["host"]), int(str(where["port"]))) as proxy:
        dsn = make_conninfo(owned.dsn, host=HOST, port=proxy.port)
        registry = await start_registry(postgres_dsn=dsn)
        with capture_logs() as lines:
            proxy.stall()
            await until_said(registry, hangs, lines)
            proxy.heal()
            await until_over(registry, hangs, lines)
        await registry.end()


@pytest.mark.usefixtures("_quick")
async def test_it_works_behind_a_pooler_in_transaction_mode_and_says_what_is_missing(
    owned: Owned, start_registry: StartRegistry
) -> None:
    where = conninfo_to_dict(owned.dsn)
    async with pooling(str(where["host"]), int(str(where["port"]))) as (pooler, port):
        dsn = make_conninfo(owned.dsn, host=HOST, port=port)
        with capture_logs() as lines:
            registry = await start_registry(postgres_dsn=dsn, poll_seconds=0.2)
            rows = "kind,id,widget\ncharger,c1,w1\nwidget,w1,\n"
            imported = await registry.client.post(
                f"{registry.url}/import", content=rows, headers={"content-type": "text/csv"}
            )
            assert imported.is_success, imported.text
            # Often enough for psycopg to prepare them, if it prepared any.
            for _ in range(8):
                several = [registry.send("GET", "/chargers?limit=1") for _ in range(4)]
                assert {each.status_code for each in await asyncio.gather(*several)} == {200}
            await hand_over(registry)
            assert (await registry.send("GET", "/export")).is_success
            # Found by looking, because no notification arrives.
            await owned.do("INSERT INTO chargers (id) VALUES ('c2')")

            async def is_projected() -> bool:
                return bool((await registry.send("GET", "/chargers/c2")).json()["projected"])

            await eventually(is_projected)

            async def is_told() -> bool:
                return is_logged(lines, "warning", "notifications of postgres do not arrive") == 1

            await eventually(is_told)
        assert pooler.transactions > 40
        # Others who use the pooler find nothing of what the registry set.
        async with await AsyncConnection.connect(
            dsn, autocommit=True, prepare_threshold=None
        ) as other:
            for _ in range(20):
                cursor = await other.execute(
                    "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
                )
                assert await cursor.fetchone() == ("0", "0")
        await registry.end()
