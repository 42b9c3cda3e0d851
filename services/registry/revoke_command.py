"""The command ``revoke-keys``: the owner of the machine ends all keys, stolen ones too.

It needs Postgres and no key. REST has no such way: it would be a thief's, too.
"""

import argparse
import sys
from typing import Final

from services.registry.access import api_keys
from services.registry.migrate_command import Commands
from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Database, connection_string
from services.registry.settings import RegistrySettings

_BY_HAND: Final = Actor("")
"""Then the audit log names the user of Postgres, as for changes in psql."""


def add_command(commands: Commands) -> None:
    """Add it; it sets ``work``, for `services.registry.backup.commands.run`."""
    command = commands.add_parser(
        "revoke-keys", help="end all operators' keys at once; the bootstrap key is good again then"
    )
    command.set_defaults(work=_revoke_keys)


async def _revoke_keys(settings: RegistrySettings, _: argparse.Namespace) -> None:
    dsn = settings.postgres_dsn.get_secret_value()
    async with Database(connection_string(dsn, settings.instance_id)) as database:
        database.migrated.set()  # else there are no keys, and Postgres says so
        # Under the lock, so that no key is made or renewed meanwhile that this would not see.
        async with database.write_transaction(_BY_HAND) as connection:
            revoked = await api_keys.revoke_all(connection)
    for key in revoked:
        sys.stdout.write(f"revoked {key.id} of {key.name} ({key.role})\n")
    sys.stdout.write(f"{len(revoked)} keys were revoked; no operator has a valid key now\n")
