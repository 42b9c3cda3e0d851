"""Keeps each pairing's floor in Postgres too, so that it survives an emptied Redis.

The floor is the revision a charger had when it was paired; readings up to it
light nothing. It becomes known in Redis: when the pairing is projected, or, after
Redis was emptied, when the charger's next reading is stored.
"""

import asyncio
import contextlib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, LiteralString

import msgspec
from redis.exceptions import ResponseError

from services.registry import metrics
from services.registry.postgres.database import Database, PostgresUnavailableError
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.contract.doorbells import Revision
from shared.contract.names import Names
from shared.contract.tolerant_json import tolerant_decoder
from shared.process.backoff import Backoff

_CHUNK: Final = 500
_BETWEEN_CHUNKS_SECONDS: Final = 0.05
_BETWEEN_SWEEPS_SECONDS: Final = 1.0

_UNKNOWN_OF: Final = """
    SELECT charger_id, pairing_number
    FROM pairings
    WHERE floor_epoch IS NULL AND charger_id = ANY(%(chargers)s::text[])
"""

_NEXT_UNKNOWN: Final = """
    SELECT charger_id, pairing_number
    FROM pairings
    WHERE floor_epoch IS NULL AND charger_id > %(after)s
    ORDER BY charger_id
    LIMIT %(chunk)s
"""

# Draws no pairing number: the floor is part of a pairing, not a change of it.
_FILL_IN: Final = """
    UPDATE pairings
    SET floor_epoch = found.epoch,
        floor_sequence = found.sequence
    FROM unnest(%(chargers)s::text[], %(numbers)s::bigint[],
                %(epochs)s::bigint[], %(sequences)s::bigint[])
         AS found (charger_id, pairing_number, epoch, sequence)
    WHERE pairings.charger_id = found.charger_id
      AND pairings.pairing_number = found.pairing_number
      AND pairings.floor_epoch IS NULL
"""


class _Entry(msgspec.Struct, frozen=True):
    """What matters here of a charger's directory entry in Redis."""

    pairing: int
    floor: Revision | None = None


_decode = tolerant_decoder(_Entry)


class FloorBackup:
    """Copies floors from Redis to Postgres where they are missing.

    Those of new pairings at once. All others in an endless sweep, paced, because
    after Redis was emptied they may be many, and none of them is urgent.

    Args:
        database: Postgres.
        bus: Redis.
        names: The map of what is where.
        rng: Jitter of the retries.
    """

    def __init__(self, database: Database, bus: Bus, names: Names, rng: random.Random) -> None:
        self._database = database
        self._bus = bus
        self._names = names
        self._backoff = Backoff(0.2, 2.0, rng)
        self._wake = asyncio.Event()
        # A dict as an ordered set.
        self._new: dict[str, None] = {}
        self._swept_to = ""
        self._unknown_in_sweep = 0

    def copy_soon(self, chargers: Iterable[str]) -> None:
        """Copy the floors of these chargers next: they were paired just now."""
        self._new.update(dict.fromkeys(chargers))
        if self._new:
            self._wake.set()

    async def run(self) -> None:
        """Copy until cancelled."""
        await self._database.migrated.wait()
        while True:
            try:
                while self._new:
                    await self._copy_new()
                pause = await self._sweep_on()
            except (BusUnavailableError, PostgresUnavailableError, ResponseError):
                # The projector needs the same two, and says so.
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()

    async def _copy_new(self) -> None:
        chunk = list(itertools.islice(self._new, _CHUNK))
        for charger in chunk:
            # Forgotten before it is done: if this fails, the sweep comes by later.
            del self._new[charger]
        await self._copy(await self._unknown(_UNKNOWN_OF, {"chargers": chunk}))

    async def _sweep_on(self) -> float:
        """Look at the next chunk; return how long to wait before the one after it (seconds)."""
        unknown = await self._unknown(_NEXT_UNKNOWN, {"after": self._swept_to, "chunk": _CHUNK})
        await self._copy(unknown)
        self._unknown_in_sweep += len(unknown)
        if len(unknown) == _CHUNK:
            self._swept_to = max(unknown)
            return _BETWEEN_CHUNKS_SECONDS
        metrics.FLOORS_UNKNOWN.set(self._unknown_in_sweep)
        self._swept_to, self._unknown_in_sweep = "", 0
        return _BETWEEN_SWEEPS_SECONDS

    async def _unknown(self, query: LiteralString, values: Mapping[str, object]) -> dict[str, int]:
        async with self._database.reading() as connection:
            cursor = await connection.execute(query, values)
            return dict(await cursor.fetchall())

    async def _copy(self, unknown: Mapping[str, int]) -> None:
        found = await self._found(unknown) if unknown else {}
        if not found:
            return
        values = {
            "chargers": list(found),
            "numbers": [unknown[charger] for charger in found],
            "epochs": [epoch for epoch, _ in found.values()],
            "sequences": [sequence for _, sequence in found.values()],
        }
        async with self._database.changing(by="registry") as connection:
            await connection.execute(_FILL_IN, values)

    async def _found(self, unknown: Mapping[str, int]) -> dict[str, Revision]:
        by_directory: dict[str, list[str]] = defaultdict(list)
        for charger in unknown:
            by_directory[self._names.of_charger(charger).directory].append(charger)
        replies = await self._bus.commands(
            [("HMGET", directory, *chargers) for directory, chargers in by_directory.items()]
        )
        found: dict[str, Revision] = {}
        for chargers, raws in zip(by_directory.values(), replies, strict=True):
            for charger, raw in zip(chargers, raws, strict=True):
                entry = _decode(raw)
                # A floor belongs to one pairing: not to the one before, nor the next.
                if entry is not None and entry.pairing == unknown[charger] and entry.floor:
                    found[charger] = entry.floor
        return found
