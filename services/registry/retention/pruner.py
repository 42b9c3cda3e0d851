"""Removes what is old, about once an hour. Any number of registries may do it."""

import asyncio
from typing import Final

from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.conditions import LOCKED, PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import reason_of
from services.registry.retention import pruning
from services.registry.retention.cutoffs import Keep
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_PRUNE_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 60.0
"""After a failure."""

_log = logs.get(__name__)


class Pruner:
    """Prunes until it is cancelled.

    A failure does not make the registry unready, as those of other parts do: operators can
    work, and nothing is worse than before.
    """

    def __init__(
        self, database: Database, keep: Keep, again_seconds: float = _AGAIN_SECONDS
    ) -> None:
        self._database = database
        self._keep = keep
        self._again_seconds = again_seconds
        self._failures = RateLimitedLog(_log, "old data cannot be removed")

    async def run(self) -> None:
        """Prune about once an hour, and soon again after a failure."""
        await self._database.migrated.wait()
        while True:
            pause = await self._attempt()
            await asyncio.sleep(pause)

    async def _attempt(self) -> float:
        """Prune; return how many seconds to wait before the next time."""
        try:
            limits = await pruning.cutoffs_now(self._database, self._keep)
            removed, _ = await pruning.prune(self._database, REGISTRY, limits)
        except PostgresUnavailableError as error:
            if error.condition is not LOCKED:  # a large import holds the lock for a while
                self._failures.log(reason_of(error))
            return self._again_seconds
        if any(removed):
            _log.info("old data removed", **removed._asdict())
        return _PRUNE_SECONDS
