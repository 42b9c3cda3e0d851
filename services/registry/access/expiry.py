"""Removes secrets that have expired, which ends the overlaps of rotations; and old sessions.

As the part that writes from time to time, it also finds out when writing works again.

A secret's removal draws a number, so it is projected, and gateways stop accepting the secret. Any
number of registries may do it.
"""

import asyncio
import random
from typing import Final

from services.registry.access import device_secrets, sessions
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles
from shared.contract.devices import Kind
from shared.process import logs

_CHECK_SECONDS: Final = 1.0

_log = logs.get(__name__)


class Expiry:
    """Removes expired secrets, about once a second."""

    def __init__(self, database: Database, troubles: Troubles, rng: random.Random) -> None:
        self._database = database
        self._attempts = Attempts("expiry", troubles, rng)

    async def run(self) -> None:
        """Remove expired secrets until cancelled."""
        await self._database.migrated.wait()
        while True:
            async with self._attempts.attempt():
                await self._database.try_to_write_again()
                for kind in Kind:
                    await self._remove(kind)
                async with self._database.connection() as connection:
                    await sessions.remove_expired(connection)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _remove(self, kind: Kind) -> None:
        async with self._database.connection() as connection:
            # Without the lock on the directory: usually there is nothing to do.
            if not await device_secrets.any_expired(connection, kind):
                return
        async with self._database.write_transaction(REGISTRY) as connection:
            removed = await device_secrets.remove_expired(connection, kind)
        _log.info("secrets expired", kind=kind.value, count=removed)
