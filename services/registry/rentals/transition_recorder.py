"""Records in rentals when phones reached 80 % and 100 %.

Routers put each transition into a Redis Stream, in the script that lights the widget.
Registries take them as one consumer group, record them in Postgres, and only then
acknowledge them: while a registry or Postgres is away they wait, and one that is taken
twice changes nothing.
https://redis.io/docs/latest/develop/data-types/streams/#consumer-groups
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from services.registry import metrics
from services.registry.postgres.database import Database, PostgresUnavailableError
from services.registry.rentals import rentals, scripts
from services.registry.rentals.transitions import Transition, reached, read
from shared.bus.batches import parts
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_GROUP: Final = "rentals"
_CONSUMER: Final = "registry"
"""All registries are one consumer: it does not matter which of them records a transition,
and none leaves a name behind when it ends."""

_LOOK_SECONDS: Final = 0.5
_AT_ONCE: Final = 10
"""Most transitions of a tag in one round."""
_TAGS_PER_EXCHANGE: Final = 8
"""Of how many tags transitions are taken in one go: lights wait for it. A tag without any
takes 40 µs, one with ten half a millisecond."""
_ABANDONED_MS: Final = 15_000
"""So long after it was taken, nobody is recording it any more: beyond Postgres' deadline."""


_log = logs.get(__name__)


class TransitionRecorder:
    """Takes transitions and records them.

    Args:
        database: Postgres.
        bus: Redis, on a connection of its own.
        names: The map of what is where.
        rng: Jitter of the retries.
        abandoned_ms: After how many ms a transition that was taken is taken again.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        names: Names,
        rng: random.Random,
        abandoned_ms: int = _ABANDONED_MS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._streams = [tag.transitions for tag in names.widgets]
        self._backoff = Backoff(0.2, 2.0, rng)
        self._abandoned_ms = abandoned_ms
        self._all_at = 0.0
        self._complaint = RateLimitedLog(_log, "transitions can not be taken")

    async def run(self) -> None:
        """Record until cancelled."""
        await self._database.migrated.wait()
        while True:
            try:
                more = await self.record_some()
            except (BusUnavailableError, PostgresUnavailableError):
                # The projector needs the same two, and says so.
                await asyncio.sleep(self._backoff.delay())
                continue
            except ResponseError as error:
                # Broken since they were taken just now.
                _log.error("transitions can not be acknowledged", reason=str(error))
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            if not more:
                await asyncio.sleep(_LOOK_SECONDS)

    async def record_some(self) -> bool:
        """Record what is there, not too much at once; return whether there is more.

        Raises:
            BusUnavailableError: Redis is away. What was taken is taken again later.
            PostgresUnavailableError: Postgres is away, likewise.
            ResponseError: A stream was made into something else since it was read.
        """
        taken: dict[str, list[Any]] = {}
        for streams in parts(await self._in_use(), _TAGS_PER_EXCHANGE):
            taken |= await self._take(streams)
        if not taken:
            return False
        await self._record(taken)
        for some in parts(list(taken.items()), _TAGS_PER_EXCHANGE):
            await self._bus.run(
                [
                    Call(
                        scripts.REMOVE_TRANSITIONS,
                        (stream,),
                        [_GROUP, *(entry_id for entry_id, _ in entries)],
                    )
                    for stream, entries in some
                ]
            )
        metrics.TRANSITIONS.inc(sum(len(entries) for entries in taken.values()))
        return any(len(entries) >= _AT_ONCE for entries in taken.values())

    async def _in_use(self) -> list[str]:
        """Return the streams in which something is, and now and then all of them.

        What was recorded is removed. What was taken and then trimmed leaves a stream empty,
        but for the note of who took it.
        """
        now = time.monotonic()
        if now >= self._all_at:
            self._all_at = now + self._abandoned_ms / 1000
            return self._streams
        lengths = await self._bus.each_of([("XLEN", stream) for stream in self._streams])
        return [
            stream
            for stream, length in zip(self._streams, lengths, strict=True)
            if self._is_sound(stream, length) and length
        ]

    async def _take(self, streams: Sequence[str]) -> dict[str, list[Any]]:
        words: list[Argument] = [_GROUP, _CONSUMER, _AT_ONCE, self._abandoned_ms]
        calls = [Call(scripts.READ_TRANSITIONS, (stream,), list(words)) for stream in streams]
        replies = await self._bus.run_each(calls)
        return {
            stream: entries
            for stream, entries in zip(streams, replies, strict=True)
            if self._is_sound(stream, entries) and entries
        }

    def _is_sound(self, stream: str, reply: Any) -> bool:
        """Tell whether it is no error: somebody made it into something else. Others' go on."""
        if isinstance(reply, ResponseError):
            self._complaint.log(f"{stream}: {reply}")
            return False
        return True

    async def _record(self, taken: Mapping[str, list[Any]]) -> None:
        transitions: list[Transition] = []
        for stream, entries in taken.items():
            for entry_id, cells in entries:
                transition = read(entry_id, cells)
                if transition is None:
                    _log.warning("not a transition", stream=stream, entry=entry_id.decode())
                else:
                    transitions.append(transition)
        what = reached(transitions)
        if what:
            # As a writer of the directory: whoever pairs anew changes rentals as well, and
            # the two would deadlock.
            async with self._database.changing(by="registry") as connection:
                await rentals.record(connection, what)
