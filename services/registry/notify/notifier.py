"""What tells people and other systems: its tasks, and what they share."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.registry import metrics
from services.registry.notify import outbox
from services.registry.notify.conditions.judge import Judge
from services.registry.notify.delivery import Delivery
from services.registry.notify.destinations import Destination
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Troubles, reason_of
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.runtime import Background

_LOOK_SECONDS: Final = 5.0

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Notifier:
    """Judges, delivers and counts; without a destination it does nothing."""

    destinations: Sequence[Destination]
    database: Database
    judge: Judge
    troubles: Troubles
    rng: random.Random

    def __post_init__(self) -> None:
        self._failures = RateLimitedLog(_log, "the outbox cannot be looked at")

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        if not self.destinations:
            return
        turn = asyncio.Lock()
        for each in self.destinations:
            delivery = Delivery(each, self.database, turn, self.troubles, self.rng)
            background.start(delivery.run(), f"deliver to {each.name}")
        background.start(self._watch(), "look at the outbox")
        if any(self.judge.limits):
            background.start(self.judge.run(), "judge what must be told")

    async def _watch(self) -> None:
        await self.database.migrated.wait()
        while True:
            try:
                await self.look_once()
            except PostgresUnavailableError as error:
                self._failures.log(reason_of(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def look_once(self) -> None:
        """Count what waits, and give up what no registry delivers any more.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        names = [each.name for each in self.destinations]
        async with self.database.connection() as connection:
            given_up = await outbox.abandon_others(connection, names)
            found = await outbox.figures(connection)
        metrics.GIVEN_UP.inc(given_up)
        metrics.OUTBOX_WAITING.set(found.waiting)
        metrics.OUTBOX_OLDEST.set(found.oldest)
