"""Writes down how full phones are, and remembers it for estimates.

Each registry reads what was written down, so that each can tell when a phone will be ready, also
while Postgres is away. One of them writes.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.registry.estimate.estimate import estimate
from services.registry.estimate.shown import PhoneEstimate
from services.registry.history import rows
from services.registry.history.phones import Phones
from services.registry.live.redis_values import RawCharger, decode_live
from services.registry.live.state_reader import StateReader
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import LONG_WORK_SECONDS, Database
from services.registry.postgres.troubles import EXPECTED
from shared.bus.batches import ITEMS_PER_EXCHANGE, parts
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from shared.redis_state.values import decode_directory_entry

_log = logs.get(__name__)

ROUND_SECONDS: Final = 5.0
_PAGE: Final = 50
"""Rentals whose levels are read at once: after a start, all."""
_BATCH: Final = 500
"""Levels of one transaction; other writers wait for it."""


@dataclass(eq=False, repr=False)
class History:
    """Looks at all phones that are in chargers, again and again."""

    database: Database
    states: StateReader
    is_my_turn: Callable[[], bool]
    """Tells whether this registry writes: one does at a time."""
    phones: Phones = field(default_factory=Phones)
    _read_to: int = 0

    def __post_init__(self) -> None:
        self._failures = RateLimitedLog(_log, "the history of rentals stands still")

    async def run(self) -> None:
        """Look until cancelled."""
        await self.database.migrated.wait()
        while True:
            began = time.monotonic()
            try:
                await self.look()
            except EXPECTED as error:
                self._failures.log(error)
            await asyncio.sleep(began + ROUND_SECONDS - time.monotonic())

    async def look(self) -> None:
        """Read what is new, and write down what is not written yet.

        Raises:
            BusUnavailableError: Redis is away.
            PostgresUnavailableError: Postgres is away or refuses.
        """
        await self._read()
        if self.is_my_turn():
            for chargers in parts(self.phones.chargers, ITEMS_PER_EXCHANGE):
                await self._write(chargers)

    def estimate_of(self, raw: RawCharger, now: int) -> PhoneEstimate | None:
        """Return when the phone in a charger will be ready.

        Args:
            raw: The charger's values in Redis.
            now: By Redis' clock, in µs.

        Returns:
            None: no phone is known to be there, or it has not been heard of yet.
        """
        entry, live = decode_directory_entry(raw.entry), decode_live(raw.live)
        if entry is None or not entry.mark or live.mark != entry.mark:
            return None  # what it said lights nothing either
        points = self.phones.points(raw.id, live)
        if points is None:
            return None
        return PhoneEstimate.of(estimate(points, now / 60_000_000))

    async def _read(self) -> None:
        async with self.database.connection(LONG_WORK_SECONDS) as connection:
            greatest = await rows.greatest_number(connection)
            if greatest < self._read_to:  # Postgres went back in time
                self.phones.replace([])
            elif greatest > self._read_to and self.phones.chargers:
                # Numbers are committed in order. What is written from now on is read again.
                self.phones.add(await rows.levels_after(connection, self._read_to))
            rentals = await rows.open_rentals(connection)
            for some in parts(self.phones.unknown(rentals), _PAGE):
                self.phones.load(some, await rows.levels_of_rentals(connection, some))
        self.phones.replace(rentals)
        self._read_to = greatest

    async def _write(self, chargers: Sequence[str]) -> None:
        readings = await self.states.readings(chargers)
        for news in parts(list(self.phones.news(readings)), _BATCH):
            async with self.database.write_transaction(REGISTRY) as connection:
                await rows.record_levels(connection, news)
