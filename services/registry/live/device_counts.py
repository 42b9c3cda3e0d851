"""How many devices are registered, and online: for the metrics, and never exact to the moment.

Who is online stands in as many hashes as there are tags. All are read in turn, a little at once,
so that no light waits for that, however many devices there are.
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.registry import metrics
from services.registry.live import scripts
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names

_PAUSE_SECONDS: Final = 0.25
_CALLS_PER_EXCHANGE: Final = 8
_DEVICES_PER_CALL: Final = 250
"""About so many; a hash that is stored as a list is read at once."""
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM chargers) AS chargers, (SELECT count(*) FROM widgets) AS widgets
"""


class _Place(NamedTuple):
    """How far one hash has been read."""

    kind: Kind
    key: str
    cursor: bytes = b"0"


@dataclass(eq=False, repr=False)
class DeviceCounts:
    """Counts again and again."""

    database: Database
    bus: Bus
    names: Names
    attempts: Attempts

    async def run(self) -> None:
        """Count until cancelled."""
        await self.database.migrated.wait()
        while True:
            async with self.attempts.attempt():
                await self.count()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def count(self) -> None:
        """Count all devices once.

        Raises:
            BusUnavailableError: Redis is away.
            PostgresUnavailableError: Postgres is away or refuses.
        """
        async with self.database.connection() as connection:
            found = await (await connection.execute(_COUNTS)).fetchone()
        for kind, number in zip((Kind.CHARGER, Kind.WIDGET), found or (), strict=False):
            metrics.REGISTERED[kind].set(number)
        online = dict.fromkeys(Kind, 0)
        left = list(self._places())
        while left:
            some, left = left[:_CALLS_PER_EXCHANGE], left[_CALLS_PER_EXCHANGE:]
            for place, (cursor, number) in zip(some, await self._read(some), strict=True):
                online[place.kind] += number
                if cursor != b"0":
                    left.append(place._replace(cursor=cursor))
            await asyncio.sleep(_PAUSE_SECONDS)
        for kind, number in online.items():
            metrics.ONLINE[kind].set(number)

    def _places(self) -> Iterator[_Place]:
        chargers = (_Place(Kind.CHARGER, names.presence) for names in self.names.chargers)
        widgets = (_Place(Kind.WIDGET, names.presence) for names in self.names.widgets)
        return itertools.chain(chargers, widgets)

    async def _read(self, places: Sequence[_Place]) -> Sequence[tuple[bytes, int]]:
        return await self.bus.run(
            [
                Call(scripts.COUNT_ONLINE, (place.key,), [place.cursor, _DEVICES_PER_CALL])
                for place in places
            ]
        )
