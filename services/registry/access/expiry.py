"""Ends the overlaps of rotations: removes secrets that have expired.

Removing one draws a number, and so takes it away from gateways too. Any number of
registries may do it.
"""

import asyncio
import random
from typing import Final

from services.registry.access import device_secrets
from services.registry.kind import Kind
from services.registry.postgres.database import Database, PostgresUnavailableError
from shared.process import logs
from shared.process.backoff import Backoff

_LOOK_SECONDS: Final = 1.0

_log = logs.get(__name__)


class Expiry:
    """Looks for expired secrets again and again.

    Args:
        database: Postgres.
        rng: Jitter of the retries.
    """

    def __init__(self, database: Database, rng: random.Random) -> None:
        self._database = database
        self._backoff = Backoff(0.2, 2.0, rng)

    async def run(self) -> None:
        """Remove them until cancelled."""
        await self._database.migrated.wait()
        while True:
            try:
                for kind in Kind:
                    await self._remove(kind)
            except PostgresUnavailableError:
                # The projector needs it too, and says so.
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _remove(self, kind: Kind) -> None:
        async with self._database.reading() as connection:
            # Without the lock on the directory: mostly there is nothing to do.
            if not await device_secrets.any_expired(connection, kind):
                return
        async with self._database.changing(by="registry") as connection:
            removed = await device_secrets.remove_expired(connection, kind)
        _log.info("secrets expired", kind=kind.value, count=removed)
