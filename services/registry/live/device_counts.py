"""How many devices are registered, and online: for the metrics, up to a minute old.

Who is online stands in as many hashes as there are tags. All are read in turn, a little at once,
so that no light waits for that, however many devices there are.
"""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from prometheus_client import Gauge

from services.registry import metrics
from services.registry.live import scripts
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import EXPECTED
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_PAUSE_SECONDS: Final = 0.25
_FAILED_SECONDS: Final = 2.0
_CALLS_PER_EXCHANGE: Final = 8
_DEVICES_PER_CALL: Final = 250
"""About so many; a hash that is stored as a list is read at once."""
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM chargers WHERE NOT canary) AS chargers,
           (SELECT count(*) FROM widgets WHERE NOT canary) AS widgets
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

    def __post_init__(self) -> None:
        self._failure_log = RateLimitedLog(_log, "devices cannot be counted")

    async def run(self) -> None:
        """Count until cancelled."""
        await self.database.migrated.wait()
        while True:
            await self._attempt(self.count_registered, metrics.REGISTERED)
            await self._attempt(self.count_online, metrics.ONLINE)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _attempt(
        self, count: Callable[[], Awaitable[None]], gauges: Mapping[Kind, Gauge]
    ) -> None:
        """Count; what fails here is no reason for the registry to be not ready."""
        try:
            await count()
        except EXPECTED as error:
            self._failure_log.log(error)
            for gauge in gauges.values():
                gauge.set(math.nan)  # it is not known: an old number would look like a new one
            await asyncio.sleep(_FAILED_SECONDS)

    async def count_registered(self) -> None:
        """Count all devices in Postgres once.

        Raises:
            PostgresUnavailableError: Postgres is away or refuses.
        """
        async with self.database.connection() as connection:
            found = await (await connection.execute(_COUNTS)).fetchone()
        for kind, number in zip((Kind.CHARGER, Kind.WIDGET), found or (), strict=False):
            metrics.REGISTERED[kind].set(number)

    async def count_online(self) -> None:
        """Count all devices in Redis once.

        Raises:
            BusUnavailableError: Redis is away.
        """
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
