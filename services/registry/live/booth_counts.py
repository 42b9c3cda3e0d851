"""How many chargers of each booth are online, charge, and are ready."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.registry.errors import DirectoryAbsentError
from services.registry.live.state import ChargerState, charger_state
from services.registry.live.state_reader import StateReader
from services.registry.postgres.database import Database
from shared.bus.bus import BusUnavailableError
from shared.contract.device_protocol import ChargingStatus

_KEPT_SECONDS: Final = 5.0
"""So long the counts of one request serve others: each reads all chargers that are in booths."""
_CHUNK: Final = 500

_IN_BOOTHS: Final = """
    SELECT id, booth FROM chargers
    WHERE id > %(after)s AND booth IS NOT NULL AND NOT canary
    ORDER BY id LIMIT %(rows)s
"""


@dataclass(slots=True)
class LiveCounts:
    """Of the chargers of one booth."""

    online: int = 0
    charging: int = 0
    ready: int = 0

    def add(self, state: ChargerState) -> None:
        """Count a charger."""
        self.online += state.online
        if state.status is not None:
            is_ready = state.status.status is ChargingStatus.CHARGED
            self.ready += is_ready
            self.charging += not is_ready


@dataclass(eq=False, repr=False, slots=True)
class BoothCounts:
    """Counts for all who ask, one at a time."""

    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _counts: Mapping[str, LiveCounts] = field(default_factory=dict)
    _counted_at: float = -_KEPT_SECONDS

    async def now(self, database: Database, reader: StateReader) -> Mapping[str, LiveCounts] | None:
        """Return the counts by booth, some seconds old at most; None: Redis has nothing to say.

        Raises:
            PostgresUnavailableError: Postgres is away or refuses.
        """
        async with self._lock:
            if time.monotonic() >= self._counted_at + _KEPT_SECONDS:
                try:
                    self._counts = await _count(database, reader)
                except (BusUnavailableError, DirectoryAbsentError):
                    return None
                self._counted_at = time.monotonic()
            return self._counts


async def _count(database: Database, reader: StateReader) -> Mapping[str, LiveCounts]:
    counts: dict[str, LiveCounts] = defaultdict(LiveCounts)
    after = ""
    while True:
        async with database.connection() as connection:
            rows = await connection.execute(_IN_BOOTHS, {"after": after, "rows": _CHUNK})
            booths: dict[str, str] = dict(await rows.fetchall())
        raws, environment = await reader.chargers(list(booths))
        for raw in raws:
            if (state := charger_state(raw, environment)) is not None:
                counts[booths[raw.id]].add(state)
        if len(booths) < _CHUNK:
            return counts
        after = max(booths)
