"""Delivers what is in the outbox to one destination, at least once.

Each destination has a task of its own: one that hangs holds up no other. Nothing waits for a
delivery: no request, no projection. All of them together use one connection to Postgres at a time.

A registry that ends in the middle leaves a claim, which ends by itself: then the event is
delivered again, perhaps for the second time. Its id is the same.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from services.registry import metrics
from services.registry.notify import outbox
from services.registry.notify.destinations import Destination
from services.registry.notify.outbox import Claimed
from services.registry.notify.rules import delay_after
from services.registry.notify.sending.outcome import NotDeliveredError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_LOOK_SECONDS: Final = 1.0

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Delivery:
    """Delivers to one destination until it is cancelled."""

    destination: Destination
    database: Database
    turn: asyncio.Lock
    """Held while Postgres is used: all deliveries have one connection together."""
    troubles: Troubles
    rng: random.Random

    def __post_init__(self) -> None:
        name = self.destination.name
        self._attempts = Attempts(f"deliver to {name}", self.troubles, self.rng)
        self._failures = RateLimitedLog(_log, f"an event cannot be delivered to {name}")

    async def run(self) -> None:
        """Deliver what is due, and look again and again for more."""
        await self.database.migrated.wait()
        while True:
            attempted = 0
            async with self._attempts.attempt():
                attempted = await self.deliver_some()
            if not attempted:
                await asyncio.sleep(_LOOK_SECONDS)

    async def deliver_some(self) -> int:
        """Attempt some deliveries; return how many.

        Raises:
            PostgresUnavailableError: Postgres is away; what cannot be noted is delivered again.
        """
        async with self.turn, self.database.connection() as connection:
            claimed = await outbox.claim(
                connection, self.destination.name, self.destination.sender.at_once
            )
        ends = await asyncio.gather(*map(self._deliver, claimed), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return len(claimed)

    async def _deliver(self, claimed: Claimed) -> None:
        error = await self._send(claimed)
        name = self.destination.name
        if error is None:
            async with self.turn, self.database.connection() as connection:
                await outbox.note_delivered(connection, name, claimed)
            metrics.DELIVERED.inc()
            return
        delay = delay_after(claimed.attempts, claimed.age, self.rng)
        async with self.turn, self.database.connection() as connection:
            await outbox.note_failed(connection, name, claimed, error, delay)
        self._failures.log(error)
        metrics.DELIVERIES_FAILED.inc()
        if delay is None:
            metrics.GIVEN_UP.inc()
            _log.error("event given up", destination=name, event_id=str(claimed.id), reason=error)

    async def _send(self, claimed: Claimed) -> str | None:
        """Send an event; return why it was not taken, or None."""
        try:
            await self.destination.sender.send(claimed.event)
        except NotDeliveredError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever a library makes of an answer
            _log.exception("an event cannot be sent", destination=self.destination.name)
            return f"a bug: {type(error).__name__}"
        return None
