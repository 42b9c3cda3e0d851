"""``chargelight-registry backup`` and ``restore`` as an operator runs them."""

import asyncio
import contextlib
import re
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fixtures.processes import ROOT, service_command
from tests.fixtures.redis_at import settings_for
from tests.integration.registry.conftest import PARTITIONS, By, StartRegistry, eventually
from tests.integration.registry.whole_database import SECRETS, content, fill
from tools.servers.ports import free_port

MEGABYTE = 1 << 20

# Runs the command, and says how much memory it needed at most, in KiB.
_MEASURED = """
import resource
from services.registry.main import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Ended(NamedTuple):
    code: int
    output: str
    errors: str


class Commands:
    """Starts the commands with the settings of a registry."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.printed = ""

    async def start(self, *arguments: str, program: list[str] | None = None) -> Process:
        return await asyncio.create_subprocess_exec(
            *(program or service_command("registry")),
            *arguments,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", **self.settings},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def run(
        self, *arguments: str, given: bytes = b"", program: list[str] | None = None
    ) -> Ended:
        process = await self.start(*arguments, program=program)
        return await self.end(process, given)

    async def end(self, process: Process, given: bytes = b"") -> Ended:
        async with asyncio.timeout(120):
            output, errors = await process.communicate(given)
        assert process.returncode is not None
        ended = Ended(process.returncode, output.decode(errors="replace"), errors.decode())
        assert "Traceback" not in ended.errors
        assert not any(secret in ended.errors for secret in SECRETS)
        return ended


@pytest.fixture
def postgres_dsn(empty_postgres_dsn: str) -> str:
    """A database without tables: that is what a backup is restored into."""
    return empty_postgres_dsn


@pytest.fixture
def commands(redis_url: str, postgres_dsn: str) -> Commands:
    return Commands(
        {
            **settings_for(redis_url),
            "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
            "CHARGELIGHT_PARTITIONS": str(PARTITIONS),
        }
    )


@pytest.fixture
async def filled(by_hand: By) -> By:
    await fill(by_hand)
    return by_hand


async def test_a_backup_is_a_file_of_its_owner_and_says_what_it_holds(
    commands: Commands, filled: By, tmp_path: Path
) -> None:
    file = tmp_path / "hub.backup"
    done = await commands.run("backup", str(file))
    assert (done.code, done.output) == (0, "")
    assert (
        f"backed up to {file}: booths 1, chargers 2, widgets 3, pairings 2, unregistered 1, "
        in done.errors
    )
    assert "digests of secrets, hashes of API keys, tickets" in done.errors
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "digests" in file.read_text().splitlines()[0]
    assert not filled.closed


async def test_a_restore_says_what_differs_and_what_to_do(
    commands: Commands, start_registry: StartRegistry, by_hand: By, tmp_path: Path
) -> None:
    registry = await start_registry()
    for number in range(1, 6):
        await registry.send("PUT", f"/chargers/c{number}", {})
        await registry.send("PUT", f"/widgets/w{number}", {})
        await registry.send("PUT", f"/pairings/c{number}", {"widget": f"w{number}"})
    file = str(tmp_path / "hub.backup")
    assert (await commands.run("backup", file)).code == 0

    assert (await commands.run("restore", file)).code == 1
    done = await commands.run("restore", "--replace", file)
    assert done.code == 0, done.errors
    assert "Nothing differs from what the hub was doing." in done.output

    for path in "/pairings/c1", "/chargers/c3", "/pairings/c5":
        assert (await registry.send("DELETE", path)).is_success
    await registry.send("PUT", "/chargers/c9", {})
    await registry.send("PUT", "/pairings/c2?replace=true", {"widget": "w1"})
    await registry.send("PUT", "/pairings/c5", {"widget": "w5"})
    done = await commands.run("restore", "--replace", file)
    assert done.code == 0, done.errors
    assert re.findall(r"(?m)^  (.*)", done.output) == [
        "charger c1: was paired with nothing, is paired with w1",
        "charger c2: was paired with w1, is paired with w2",
        "charger c3: the hub did not know it, the backup does: it is registered again",
        "charger c5: was paired with w5 again since the backup (another visitor)",
        "charger c9: the hub knew it, the backup does not: it is not registered any more",
    ]
    assert "5 differences from what the hub was doing.\nNext: " in done.output
    assert "revoke" in done.output
    # Numbers that the hub has seen are not drawn again.
    cursor = await by_hand.execute("SELECT last_value FROM pairing_numbers")
    assert (await cursor.fetchall())[0][0] >= 18


async def test_numbers_that_redis_has_seen_are_not_drawn_again(
    commands: Commands, start_registry: StartRegistry, by_hand: By, tmp_path: Path
) -> None:
    registry = await start_registry()
    file = str(tmp_path / "hub.backup")
    assert (await commands.run("backup", file)).code == 0
    for number in range(7):
        await registry.send("PUT", f"/chargers/c{number}", {})
    await registry.end()
    # As if the database were a new one.
    await by_hand.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    done = await commands.run("restore", file)
    assert done.code == 0, done.errors
    cursor = await by_hand.execute("SELECT last_value FROM pairing_numbers")
    assert await cursor.fetchall() == [(7,)]


@pytest.mark.parametrize("redis", ["away", "empty", "other partitions"])
async def test_a_restore_without_a_hub_to_compare_with_says_so(
    commands: Commands, filled: By, tmp_path: Path, redis: str, start_registry: StartRegistry
) -> None:
    file = str(tmp_path / "hub.backup")
    assert (await commands.run("backup", file)).code == 0
    said = "no directory is in Redis"
    if redis == "away":
        commands.settings["CHARGELIGHT_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
        said = ""
    elif redis == "other partitions":
        await start_registry()
        commands.settings["CHARGELIGHT_PARTITIONS"] = "5"
        said = "CHARGELIGHT_PARTITIONS is 5 here"
    done = await commands.run("restore", "--replace", file)
    assert done.code == 0, done.errors
    assert f"Not compared with what the hub was doing: {said}" in done.output
    assert "Next: start the registry." in done.output
    assert not filled.closed


async def test_a_backup_goes_through_pipes(commands: Commands, filled: By) -> None:
    before = await content(filled)
    process = await commands.start("backup", "-")
    backup, errors = await process.communicate()
    assert (process.returncode, b"backed up to standard output" in errors) == (0, True)
    done = await commands.run("restore", "--replace", "-", given=backup)
    assert done.code == 0, done.errors
    assert (await content(filled))["rentals"] == before["rentals"]


async def test_a_backup_whose_reader_ends_first_has_failed(commands: Commands, filled: By) -> None:
    await filled.execute(
        "INSERT INTO api_keys (id, name, role, hash) "
        "SELECT i::text, 'n' || i, 'admin', decode(repeat('00', 999), 'hex') "
        "FROM generate_series(1, 2000) AS i"
    )
    process = await commands.start("backup", "-")
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]
    ended = await commands.end(process)
    assert (ended.code, "Broken pipe" in ended.errors) == (1, True)


async def test_a_damaged_file_is_refused_without_quoting_it(
    commands: Commands, filled: By, tmp_path: Path
) -> None:
    file = tmp_path / "hub.backup"
    assert (await commands.run("backup", str(file))).code == 0
    before = await content(filled)
    for old in SECRETS[0], r"\$argon2id", SECRETS[2], r"\\\\x" + SECRETS[3], "c1":
        wrong = tmp_path / "wrong"
        wrong.write_text(re.sub(rf"(?m)^(.*\t)({old})", r"\1x\t\2", file.read_text()))
        ended = await commands.run("restore", "--replace", str(wrong))
        assert (ended.code, ended.output) == (1, "")
        assert "refused: the backup is damaged" in ended.errors
    assert await content(filled) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_backup_leaves_no_file(
    commands: Commands, filled: By, tmp_path: Path, number: signal.Signals
) -> None:
    async with filled.transaction():
        await filled.execute("LOCK TABLE audit_log")
        process = await commands.start("backup", str(tmp_path / "hub.backup"))
        await eventually(lambda: _is_waiting(filled))
        assert _names(tmp_path) != []
        process.send_signal(number)
        ended = await commands.end(process)
    assert (ended.code, ended.errors) == (130, "chargelight-registry: interrupted\n")
    assert _names(tmp_path) == []


async def test_a_backup_does_not_wait_for_a_transaction_that_was_left_open(
    commands: Commands, filled: By, tmp_path: Path
) -> None:
    async with filled.transaction():
        await filled.execute("LOCK TABLE audit_log")
        ended = await commands.run("backup", str(tmp_path / "hub.backup"))
    assert ended.code == 3
    assert "Another transaction holds a lock in Postgres" in ended.errors
    assert _names(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_an_interrupted_restore_changes_nothing(
    commands: Commands, filled: By, tmp_path: Path, number: signal.Signals
) -> None:
    file = tmp_path / "hub.backup"
    assert (await commands.run("backup", str(file))).code == 0
    before = await content(filled)
    process = await commands.start("restore", "--replace", "-")
    assert process.stdin is not None
    process.stdin.write(file.read_bytes()[:-10])
    await process.stdin.drain()
    await eventually(lambda: _is_restoring(filled))
    process.send_signal(number)
    code = await process.wait()
    assert code == (-number if number == signal.SIGKILL else 130)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    # Nobody holds a lock any more.
    await filled.execute("INSERT INTO chargers (id) VALUES ('c9')")
    await filled.execute("DELETE FROM chargers WHERE id = 'c9'")
    after = await content(filled)
    for table in "chargers", "pairings", "rentals", "api_keys":
        assert after[table] == before[table]


async def test_a_lock_that_is_held_too_long_is_said(
    commands: Commands, filled: By, tmp_path: Path
) -> None:
    file = str(tmp_path / "hub.backup")
    assert (await commands.run("backup", file)).code == 0
    async with filled.transaction():
        await filled.execute("SELECT lock_directory()")
        ended = await commands.run("restore", "--replace", file)
    assert (ended.code, "Another transaction holds a lock" in ended.errors) == (3, True)


async def test_memory_does_not_grow_with_the_database(
    commands: Commands, filled: By, tmp_path: Path
) -> None:
    program = [sys.executable, "-c", _MEASURED]
    file = tmp_path / "hub.backup"

    async def needed(*arguments: str) -> int:
        ended = await commands.run(*arguments, str(file), program=program)
        assert ended.code == 0, ended.errors
        return int(ended.output.splitlines()[-1]) // 1024

    small = [await needed("backup"), await needed("restore", "--replace")]
    await filled.execute(
        "INSERT INTO audit_log (who, action, kind, subject, details) "
        "SELECT 'ann', 'created', 'charger', i::text, jsonb_build_object('label', repeat('x', 500))"
        " FROM generate_series(1, 100000) AS i"
    )
    large = [await needed("backup"), await needed("restore", "--replace")]
    assert file.stat().st_size > 50 * MEGABYTE
    assert [each - other < 16 for each, other in zip(large, small, strict=True)] == [True, True], (
        f"{small} MiB, then {large} MiB"
    )


async def _is_waiting(connection: By) -> bool:
    cursor = await connection.execute("SELECT FROM pg_locks WHERE NOT granted")
    return bool(await cursor.fetchall())


async def _is_restoring(connection: By) -> bool:
    cursor = await connection.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^COPY .audit'"
    )
    return bool(await cursor.fetchall())


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]
