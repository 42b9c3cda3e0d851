"""Copies each pairing's floor from Redis to Postgres, so that it survives an emptied Redis.

The floor is the revision that a charger had when it was paired; readings up to it light
nothing. The scripts in Redis set it: when the pairing is projected, or, after Redis was
emptied, when the charger's next reading is stored.
"""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, LiteralString

from redis.exceptions import ResponseError

from services.registry import metrics
from services.registry.postgres.database import Database, PostgresUnavailableError
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.doorbells import Revision
from shared.contract.names import Names
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event
from shared.redis_state.values import decode_directory_entry

_CHUNK: Final = 500
_BETWEEN_CHUNKS_SECONDS: Final = 0.05
_BETWEEN_ROUNDS_SECONDS: Final = 1.0

_FIND_UNKNOWN: Final = """
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


class FloorBackup:
    """Copies floors from Redis to Postgres where they are missing.

    Those of new pairings at once; all others round by round, slowly, because after Redis
    was emptied they may be many, and none is urgent.
    """

    def __init__(self, database: Database, bus: Bus, names: Names, rng: random.Random) -> None:
        self._database = database
        self._bus = bus
        self._names = names
        self._backoff = Backoff(0.2, 2.0, rng)
        self._wake = asyncio.Event()
        # A dict as an ordered set.
        self._new: dict[str, None] = {}
        self._position = ""
        self._unknown_in_round = 0

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
                pause = await self._copy_next_chunk()
            except (BusUnavailableError, PostgresUnavailableError, ResponseError):
                # The projector needs both too, and logs it.
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            await wait_for_event(self._wake, pause)
            self._wake.clear()

    async def _copy_new(self) -> None:
        chunk = list(itertools.islice(self._new, _CHUNK))
        for charger in chunk:
            # Removed first: if this fails, the next round copies it.
            del self._new[charger]
        await self._copy(await self._read_unknown(_FIND_UNKNOWN, {"chargers": chunk}))

    async def _copy_next_chunk(self) -> float:
        """Copy the next chunk; return how many seconds to wait before the one after it."""
        unknown = await self._read_unknown(
            _NEXT_UNKNOWN, {"after": self._position, "chunk": _CHUNK}
        )
        await self._copy(unknown)
        self._unknown_in_round += len(unknown)
        if len(unknown) == _CHUNK:
            self._position = max(unknown)
            return _BETWEEN_CHUNKS_SECONDS
        metrics.FLOORS_UNKNOWN.set(self._unknown_in_round)
        self._position, self._unknown_in_round = "", 0
        return _BETWEEN_ROUNDS_SECONDS

    async def _read_unknown(
        self, query: LiteralString, values: Mapping[str, object]
    ) -> dict[str, int]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(query, values)
            return dict(await cursor.fetchall())

    async def _copy(self, unknown: Mapping[str, int]) -> None:
        found = await self._read_floors(unknown) if unknown else {}
        if not found:
            return
        values = {
            "chargers": list(found),
            "numbers": [unknown[charger] for charger in found],
            "epochs": [epoch for epoch, _ in found.values()],
            "sequences": [sequence for _, sequence in found.values()],
        }
        async with self._database.write_transaction(by="registry") as connection:
            await connection.execute(_FILL_IN, values)

    async def _read_floors(self, unknown: Mapping[str, int]) -> dict[str, Revision]:
        by_directory: dict[str, list[str]] = defaultdict(list)
        for charger in unknown:
            by_directory[self._names.of_charger(charger).directory].append(charger)
        replies = await self._bus.commands(
            [("HMGET", directory, *chargers) for directory, chargers in by_directory.items()]
        )
        found: dict[str, Revision] = {}
        for chargers, raws in zip(by_directory.values(), replies, strict=True):
            for charger, raw in zip(chargers, raws, strict=True):
                entry = decode_directory_entry(raw)
                # A floor belongs to one pairing only.
                if entry is not None and entry.pairing == unknown[charger] and entry.floor:
                    found[charger] = entry.floor
        return found
