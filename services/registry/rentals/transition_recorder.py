"""Records in rentals when phones reached 80 % and 100 %.

Routers add each transition to a Redis Stream, in the script that lights the widget.
Registries read them as one consumer group, record them in Postgres, and only then
acknowledge them. While a registry or Postgres is away they wait, and one that is read
twice changes nothing.
https://redis.io/docs/latest/develop/data-types/streams/#consumer-groups
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from services.registry import metrics
from services.registry.history.rows import record_lights
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Attempts, Troubles
from services.registry.rentals import rentals, scripts
from services.registry.rentals.transitions import Transition, as_light, decode, reached_times
from shared.bus.batches import parts
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.names import Names
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_GROUP: Final = "rentals"
_CONSUMER: Final = "registry"
"""All registries are one consumer: any of them may record a transition, and none leaves a
name behind when it ends."""

_CHECK_SECONDS: Final = 0.5
_MAX_PER_TAG: Final = 10
"""Transitions of a tag in one round."""
_TAGS_PER_EXCHANGE: Final = 8
"""Tags in one exchange with Redis; lights wait for it. A tag without transitions takes 40 µs,
one with ten takes half a millisecond."""
_ABANDONED_MS: Final = 15_000
"""This long after it was read, no registry is recording it any more: Postgres' deadline is over."""


_log = logs.get(__name__)


class TransitionRecorder:
    """Reads transitions and records them.

    A transition that was not acknowledged is read again after ``abandoned_ms``.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        names: Names,
        *,
        troubles: Troubles,
        rng: random.Random,
        abandoned_ms: int = _ABANDONED_MS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._streams = [tag.transitions for tag in names.widgets]
        self._attempts = Attempts("rentals", troubles, rng)
        self._taken: dict[str, list[Any]] = {}
        self._abandoned_ms = abandoned_ms
        self._all_at = 0.0
        self._waiting_since: float | None = None
        self._read_failures = RateLimitedLog(_log, "transitions cannot be read")

    async def run(self) -> None:
        """Record until cancelled."""
        await self._database.migrated.wait()
        while True:
            more = False
            async with self._attempts.attempt():
                more = await self.record_some()
            if not more:
                await asyncio.sleep(_CHECK_SECONDS)

    async def record_some(self) -> bool:
        """Record some transitions; return whether there are more.

        Raises:
            BusUnavailableError: Redis is away. What was read is kept for the next call.
            PostgresUnavailableError: Postgres is away or refuses; likewise.
            ResponseError: A stream was given another type after it was read.
        """
        # Kept until it is recorded: so a Postgres that refuses is asked again, and not
        # taken for one that works, until the transitions come back after a while.
        taken = self._taken
        if not taken:
            for streams in parts(await self._streams_to_read(), _TAGS_PER_EXCHANGE):
                taken |= await self._read(streams)
        else:
            with contextlib.suppress(BusUnavailableError):
                await self._count_waiting()
        if not taken:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        await self._record(taken)
        self._taken = {}
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
        more = any(len(entries) >= _MAX_PER_TAG for entries in taken.values())
        if not more:
            self._waiting_since = None
        return more

    @property
    def waiting_seconds(self) -> float:
        """For how long some transitions have always waited."""
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    async def _streams_to_read(self) -> list[str]:
        """Return the streams that are not empty, and from time to time all of them.

        Entries that were read and then trimmed leave a stream empty, but still pending.
        """
        lengths = await self._count_waiting()
        now = time.monotonic()
        if now >= self._all_at:
            self._all_at = now + self._abandoned_ms / 1000
            return self._streams
        return [stream for stream, length in lengths.items() if length]

    async def _count_waiting(self) -> dict[str, int]:
        """Return the length of each stream."""
        commands = [("XLEN", stream) for stream in self._streams]
        replies = await self._bus.commands(commands, return_errors=True)
        lengths = {
            stream: length
            for stream, length in zip(self._streams, replies, strict=True)
            if self._is_usable(stream, length)
        }
        metrics.TRANSITIONS_WAITING.set(sum(lengths.values()))
        return lengths

    async def _read(self, streams: Sequence[str]) -> dict[str, list[Any]]:
        words: list[Argument] = [_GROUP, _CONSUMER, _MAX_PER_TAG, self._abandoned_ms]
        calls = [Call(scripts.READ_TRANSITIONS, (stream,), list(words)) for stream in streams]
        replies = await self._bus.run(calls, return_errors=True)
        return {
            stream: entries
            for stream, entries in zip(streams, replies, strict=True)
            if self._is_usable(stream, entries) and entries
        }

    def _is_usable(self, stream: str, reply: Any) -> bool:
        """Tell whether a reply is no error. A stream of another type must not stop the others."""
        if isinstance(reply, ResponseError):
            self._read_failures.log(f"{stream}: {reply}")
            return False
        return True

    async def _record(self, taken: Mapping[str, list[Any]]) -> None:
        transitions: list[Transition] = []
        for stream, entries in taken.items():
            for entry_id, cells in entries:
                transition = decode(entry_id, cells)
                if transition is None:
                    _log.warning("not a transition", stream=stream, entry=entry_id.decode())
                else:
                    transitions.append(transition)
        if transitions:
            # As a writer of the directory: a pairing changes rentals too, and without the
            # lock the two could deadlock.
            async with self._database.write_transaction(REGISTRY) as connection:
                await rentals.record(connection, reached_times(transitions))
                await record_lights(connection, [as_light(each) for each in transitions])
