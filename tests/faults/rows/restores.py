"""Postgres goes back in time, or is there and refuses."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import httpx
import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from websockets.asyncio.client import ClientConnection

from services.simulator.devices import messages
from shared.contract.device_protocol import CloseCode
from tests.faults.booth import Booth
from tests.faults.rows import handovers, repairing
from tests.fixtures.hub import connect_device
from tests.fixtures.processes import ServiceError
from tools.servers.postgres.databases import dsn_of
from tools.servers.postgres.embedded import EmbeddedPostgres

NOTICED_SECONDS: Final = 15.0
"""In which what a restore brought is in effect, and what it took back is not any more."""

_BACKUP: Final = "backup"
_FILL_DISK: Final = """
    CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('CREATE TRIGGER a_full_disk BEFORE INSERT OR UPDATE OR DELETE ON %I '
                'FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full()', name);
        END LOOP;
    END $$
"""
"""Every write fails as it does on a full disk."""


async def restore(booth: Booth) -> None:
    """Swap widgets and register devices after a backup, and restore the backup."""
    way = booth.draw(["registry running", "registry stopped", "older data directory"])
    if not isinstance(booth.postgres, EmbeddedPostgres):
        way = "registry running"
    await handovers.arrive(booth)
    await repairing.begin(booth)
    before = {charger: booth.devices.widget_of(charger) for charger in repairing.CHARGERS}
    await _back_up(booth, way)
    await repairing.swap(booth)
    async with stranger(booth) as connections:
        async with booth.fault("Postgres restored"):
            returning = [
                asyncio.create_task(
                    booth.devices.pair(charger, widget, partial(returns, booth, charger, widget)),
                    name=f"{charger} returns",
                )
                for charger, widget in before.items()
            ]
            await asyncio.sleep(0)
            await _restore(booth, way)
        await asyncio.gather(*returning)
        async with asyncio.timeout(NOTICED_SECONDS):
            for connection in connections:
                await connection.wait_closed()
                assert connection.close_code == CloseCode.NOT_REGISTERED, connection.close_code
    # The numbers that this draws were drawn before, for something else.
    await handovers.hand_over(booth)


async def refuse(booth: Booth) -> None:
    """Have Postgres refuse what the registry asks; no light depends on it."""
    user = _user(booth)
    ways = {
        "tables locked": (
            "LOCK TABLE chargers, widgets, pairings IN ACCESS EXCLUSIVE MODE",
            "SELECT 1",
        ),
        "disk full": (_FILL_DISK, "DROP FUNCTION disk_is_full CASCADE"),
        "rights revoked": (
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {user}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}",
        ),
        "login forbidden": (f"ALTER ROLE {user} NOLOGIN", f"ALTER ROLE {user} LOGIN"),
        "table renamed": (
            "ALTER TABLE pairings RENAME TO gone",
            "ALTER TABLE gone RENAME TO pairings",
        ),
        "column changed": (
            "ALTER TABLE chargers ALTER label TYPE varchar",
            "ALTER TABLE chargers ALTER label TYPE text",
        ),
    }
    way = booth.draw(list(ways))
    harm, mend = ways[way]
    registry = booth.hub.registries[0].process
    await handovers.arrive(booth)
    async with _admin(booth) as admin, booth.no_fault_alone("Postgres refuses"):
        if way == "tables locked":
            await admin.execute("BEGIN")
        await admin.execute(harm.encode())
        await _end_sessions(admin)
        with contextlib.suppress(ServiceError, httpx.HTTPError):
            await booth.hub.register_widget("nobody")
        await asyncio.sleep(booth.seconds(15))
        if booth.rng.random() < 0.5:
            booth.notes.append("registry stopped meanwhile")
            code = await registry.terminate()
            assert code == 0, f"the registry exited with {code} when asked to end"
            registry.start()
        await admin.execute(mend.encode())
        if way == "tables locked":
            await admin.execute("COMMIT")
    async with asyncio.timeout(NOTICED_SECONDS):
        await registry.ready()
        await handovers.hand_over(booth)


# Backup and restore, as a copy of the database or of all files.


async def _back_up(booth: Booth, way: str) -> None:
    if way == "older data directory":
        await asyncio.to_thread(_copy_files, booth, to_backup=True)
    else:
        await _copy_database(booth, _database(booth), _BACKUP)
    # The registry lost its connections for a moment.
    await booth.hub.registries[0].process.ready()


async def _restore(booth: Booth, way: str) -> None:
    registry = booth.hub.registries[0].process
    if way != "registry running":
        registry.kill()
    if way == "older data directory":
        await asyncio.to_thread(_copy_files, booth, to_backup=False)
    else:
        await _copy_database(booth, _BACKUP, _database(booth))
    if way != "registry running":
        registry.start()
        await registry.ready()


def _copy_files(booth: Booth, *, to_backup: bool) -> None:
    postgres = booth.postgres
    assert isinstance(postgres, EmbeddedPostgres), "its files are in a container"
    kept = postgres.folder / _BACKUP
    source, target = (postgres._data, kept) if to_backup else (kept, postgres._data)
    postgres.stop()
    subprocess.run(["rm", "-rf", target], check=True)
    # With their owner, who may be another user.
    subprocess.run(["cp", "-a", source, target], check=True)
    postgres.start()


async def _copy_database(booth: Booth, source: str, target: str) -> None:
    """Replace a database by a copy of another one, even while both are used."""
    async with _admin(booth, "postgres") as admin:
        for name in (source, target):
            with contextlib.suppress(psycopg.errors.InvalidCatalogName):
                await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        await _end_sessions(admin)
        await admin.execute(f"DROP DATABASE IF EXISTS {target}".encode())
        copy = f"CREATE DATABASE {target} TEMPLATE {source} OWNER {_user(booth)}"
        await admin.execute(copy.encode())
        for name in (source, target):
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


async def _end_sessions(admin: AsyncConnection[Any]) -> None:
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


@contextlib.asynccontextmanager
async def _admin(booth: Booth, database: str = "") -> AsyncIterator[AsyncConnection[Any]]:
    conninfo = dsn_of(booth.postgres.admin_dsn, database or _database(booth))
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        yield connection


def _database(booth: Booth) -> str:
    return str(conninfo_to_dict(booth.postgres.dsn)["dbname"])


def _user(booth: Booth) -> str:
    return str(conninfo_to_dict(booth.postgres.dsn)["user"])


async def returns(
    booth: Booth, charger: str, widget: str, within: float = 2 * NOTICED_SECONDS
) -> None:
    """Return once the hub says that a pairing of before is in effect again."""
    async with asyncio.timeout(within):
        while True:
            with contextlib.suppress(ServiceError, httpx.HTTPError):
                found = await booth.hub.pairing_of(charger)
                if found["widget"] == widget and found["projected"]:
                    return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def stranger(booth: Booth) -> AsyncIterator[list[ClientConnection]]:
    """Register a pair that the backup does not know, connected and lit."""
    number = booth.kept["strangers"] = booth.kept.get("strangers", 0) + 1
    charger, widget = f"stranger-c{number}", f"stranger-w{number}"
    await booth.hub.register((charger, widget))
    gateway = booth.some_gateway()
    async with (
        connect_device(gateway.charger_url(charger)) as charging,
        connect_device(gateway.widget_url(widget)) as lit,
    ):
        async with asyncio.timeout(NOTICED_SECONDS):
            await _report_until_lit(charging, lit)
        yield [charging, lit]


async def _report_until_lit(charging: ClientConnection, lit: ClientConnection) -> None:
    """Report as a charger does: a gateway that lost Redis cannot tell whose the first one is."""
    while True:
        await charging.send(messages.reading(100))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await lit.recv()
                return
