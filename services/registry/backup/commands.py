"""The commands ``backup`` and ``restore``: what they open, print and return.

Exit codes:
    0: done.
    1: refused, or it failed. Nothing was changed, and no half file is left.
    2: wrong use: an argument, a file or a setting.
    3: Postgres is away, or another change holds the lock. Try again.
    130: Ctrl-C, or SIGTERM.
"""

import argparse
import asyncio
import os
import signal
import sys
from typing import Final, NoReturn

from psycopg import AsyncConnection, IsolationLevel

from services.registry.backup import report
from services.registry.backup.backup_file import BackupReader, Header
from services.registry.backup.comparison import compare_with_hub, differences
from services.registry.backup.opened_file import WrongFileError, opened_to_read, opened_to_write
from services.registry.backup.refusal import RefusedError
from services.registry.backup.restore import restore
from services.registry.backup.take_backup import take_backup
from services.registry.migrate_command import Commands
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import (
    CONNECTION_OPTIONS,
    Connection,
    connection_string,
    translate_errors,
)
from services.registry.settings import RegistrySettings
from shared.bus.factory import open_bus
from shared.contract.names import Names
from shared.process import logs
from shared.process.runtime import CannotServeError
from shared.process.settings import WrongSettingsError

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_WRONG_USE: Final = 2
EXIT_UNREACHABLE: Final = 3
EXIT_INTERRUPTED: Final = 130


def add_commands(commands: Commands) -> None:
    """Add both commands; each sets ``work``, for `run`."""
    backup = commands.add_parser("backup", help="write the whole database to a file")
    backup.set_defaults(work=_back_up)
    backup.add_argument("file", help="the file to write; - is standard output")
    restoring = commands.add_parser("restore", help="put a backup into the database")
    restoring.set_defaults(work=_restore)
    restoring.add_argument("file", help="the file to read; - is standard input")
    restoring.add_argument(
        "--replace", action="store_true", help="also if the database is not empty: replace it all"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run a command, and return its exit code; if it failed, one line says why."""
    # Not asyncio's own handling, which would wait for a blocked read of a pipe.
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, _interrupt)
    try:
        settings = RegistrySettings.load()
        logs.configure(
            level="error", output="auto", service="registry", instance_id=settings.instance_id
        )
        with translate_errors():
            asyncio.run(arguments.work(settings, arguments))
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - once, here at the edge
        text, code = _failure(error)
        sys.stderr.write(f"chargelight-registry: {text}\n")
        return code
    return EXIT_DONE


def _failure(error: BaseException) -> tuple[str, int]:
    """Return what is said of an error, and the exit code; raise it again if it is a bug."""
    match error:
        case KeyboardInterrupt():
            failure = "interrupted", EXIT_INTERRUPTED
        case WrongSettingsError():
            failure = f"wrong settings\n{error}", EXIT_WRONG_USE
        case WrongFileError() | CannotServeError():
            failure = str(error), EXIT_WRONG_USE
        case RefusedError():
            failure = f"refused: {error}", EXIT_FAILED
        case PostgresUnavailableError():
            said = f"{error.condition.summary} ({error}). {error.condition.remedy}"
            failure = said, EXIT_FAILED if error.lasts or error.is_bug else EXIT_UNREACHABLE
        case OSError():
            failure = str(error), EXIT_FAILED
        case _:
            raise error
    return failure


async def _back_up(settings: RegistrySettings, arguments: argparse.Namespace) -> None:
    async with await _connect(settings) as connection:
        with opened_to_write(arguments.file) as file:
            rows = await take_backup(connection, file)
    sys.stderr.write(report.of_backup(arguments.file, rows))


async def _restore(settings: RegistrySettings, arguments: argparse.Namespace) -> None:
    with opened_to_read(arguments.file) as file:
        reader = BackupReader(file)
        async with await _connect(settings) as connection:
            async with connection.transaction():
                rows = await restore(connection, reader, replace=arguments.replace)
                obstacle = await _compare(connection, settings)
            try:
                await _print_report(connection, reader.header, rows, obstacle)
            except BrokenPipeError:
                # It is done, and the reader has read enough: restore … | head
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _compare(connection: Connection, settings: RegistrySettings) -> str | None:
    bus = open_bus(settings, settings.instance_id, "restore")
    try:
        return await compare_with_hub(connection, bus, Names(settings.partitions))
    finally:
        await bus.close()


async def _print_report(
    connection: Connection, header: Header, rows: dict[str, int], obstacle: str | None
) -> None:
    sys.stdout.write(report.of_restore(header, rows))
    count = 0
    if obstacle is None:
        async for each in differences(connection):
            count += 1
            sys.stdout.write(report.of_difference(each))
    sys.stdout.write(report.next_step(count, obstacle))
    sys.stdout.flush()


async def _connect(settings: RegistrySettings) -> Connection:
    # To restore takes the rights of the owner, if that is another user.
    owner, own = settings.postgres_owner_dsn, settings.postgres_dsn
    dsn = owner.get_secret_value() or own.get_secret_value()
    connection = await AsyncConnection.connect(
        connection_string(dsn, settings.instance_id), **CONNECTION_OPTIONS
    )
    # Whatever is set for the role: who has waited for a lock must see what was written meanwhile.
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    return connection


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
