"""Names the API keys that anyone may have made, so that operators can rely on the others."""

import asyncio
from typing import Final

from services.registry.access import api_keys
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from shared.process import logs

_CHECK_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 5.0
"""After a failure, which other parts log."""

_log = logs.get(__name__)


class UnattributedKeys:
    """Logs each such key once: at the start, and when another registry makes one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._named: set[str] = set()

    async def run(self) -> None:
        """Look about once an hour, and soon again after a failure."""
        await self._database.migrated.wait()
        while True:
            pause = _CHECK_SECONDS
            try:
                await self._name()
            except PostgresUnavailableError:
                pause = _AGAIN_SECONDS
            await asyncio.sleep(pause)

    async def _name(self) -> None:
        async with self._database.connection() as connection:
            found = await api_keys.list_unattributed(connection)
        new = [key for key in found if key.id not in self._named]
        if new:
            _log.warning(
                "anyone may have made these api keys",
                keys=[f"{key.id} ({key.name}, {key.role})" for key in new],
                reason="no key was required when they were made, or the audit log no longer says "
                "who made them",
                remedy="revoke those that you do not know: chargelight keys revoke ID",
            )
        self._named.update(key.id for key in new)
