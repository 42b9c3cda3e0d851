"""The command ``migrate``: tables and rights, made by their owner beside running registries."""

import argparse
import sys
from typing import TypeAlias

from psycopg import AsyncConnection

from services.registry.postgres.database import CONNECTION_OPTIONS, connection_string
from services.registry.postgres.migrate import load, migrate
from services.registry.postgres.runtime_role import give_rights
from services.registry.settings import RegistrySettings
from shared.process.runtime import CannotServeError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def add_command(commands: Commands) -> None:
    """Add it; it sets ``work``, for `services.registry.backup.commands.run`."""
    command = commands.add_parser(
        "migrate", help="bring the tables up to date, as their owner, and give registries rights"
    )
    command.set_defaults(work=_migrate)


async def _migrate(settings: RegistrySettings, _: argparse.Namespace) -> None:
    dsn = settings.postgres_owner_dsn.get_secret_value()
    if not dsn:
        raise CannotServeError(
            "set CHARGELIGHT_POSTGRES_OWNER_DSN, with the user who owns the database; "
            "CHARGELIGHT_POSTGRES_DSN has the user of the running registries"
        )
    connecting = AsyncConnection.connect(
        connection_string(dsn, settings.instance_id), **CONNECTION_OPTIONS
    )
    async with await connecting as owner:
        newer = await migrate(owner, load())
        async with owner.transaction():
            # Registries of the newer version may still run: half-way in an update, or back.
            name = await give_rights(
                owner, settings.postgres_dsn.get_secret_value(), keeps=bool(newer)
            )
    tables = f"of a newer version ({newer[-1]})" if newer else "up to date"
    sys.stderr.write(f"the tables are {tables}, and {name} has the rights of a registry\n")
