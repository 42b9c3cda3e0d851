"""The feed of one registry: reads what changed, for all who watch, and nothing while nobody does.

Doorbells say what changed, and a slow sweep reads the rest: levels, and what a lost doorbell would
have told. So each registry has its own feed, and none depends on another one.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.registry import metrics
from services.registry.edge.slots import Slots
from services.registry.errors import DirectoryAbsentError
from services.registry.feed.doorbells import Doorbells
from services.registry.feed.encoded import Encoded
from services.registry.feed.newer import newer_change, next_tile
from services.registry.feed.positions import Position
from services.registry.feed.ready import EstimateOf, ReadyTimes
from services.registry.feed.rows import Rows
from services.registry.feed.state import HubState, Snapshot
from services.registry.feed.tile import LightChange, find
from services.registry.feed.tiles import Tiles, is_shown
from services.registry.feed.watching import Booth, Watching
from services.registry.live.state_reader import StateReader
from services.registry.postgres.database import Database
from shared.bus.batches import parts
from shared.bus.bus import BusUnavailableError
from shared.bus.refusals.refusal import RefusedError
from shared.bus.subscriber import Subscriber
from shared.contract.names import Names
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from shared.process.waiting import end_task, wait_for_event

_log = logs.get(__name__)

_TICK_SECONDS: Final = 0.25
_REST_SECONDS: Final = 0.05
"""What is left for others where a tick takes longer than it may."""
_PIECE: Final = 250
"""So many chargers are read at once, so that no light waits for a console."""
_TICKS_OF_A_SWEEP: Final = 16
"""All that is watched is read again within so many ticks: 4 s, and less than 5 also where reading
takes its time."""
_LOOK_TICKS: Final = 4
"""Where nothing is to read, Redis is asked for its time so often, to know that it is there."""
_TIDY_SECONDS: Final = 1.0
_FILL_SECONDS: Final = 5.0
"""How long a snapshot waits for its chargers to be read."""


@dataclass(eq=False, repr=False)
class Feed:
    """Knows the tiles of all chargers while they are watched."""

    reader: StateReader
    """With a connection to Redis of its own."""
    names: Names
    database: Database
    new_subscriber: Callable[[], Subscriber]
    most_streams: int
    clock: Callable[[], float] = time.monotonic
    estimate_of: EstimateOf = lambda _raw, _now: None

    def __post_init__(self) -> None:
        self.watching = Watching(self.clock)
        self.streams = Slots(self.most_streams, "streams")
        self.is_closed = False
        """Whether the registry stops: streams end."""
        self._wake = asyncio.Event()
        self._doorbell_log = RateLimitedLog(_log, "the console hears of changes some seconds late")
        self._forget()

    def _forget(self) -> None:
        """Begin without anything, as another feed."""
        self._id = secrets.token_hex(8)
        self.tiles = Tiles()
        self.encoded = Encoded(self._id, self.tiles)
        self.changed = asyncio.Event()
        """Set at the next change: from then on there is another one."""
        self._doorbells = Doorbells(self.names)
        self._rows = Rows(self.database)
        self._unread: set[str] = set()
        self._lights: dict[str, LightChange] = {}
        self._ready = ReadyTimes(self.estimate_of)
        self._sweep: list[str] = []
        self._share = 0
        """How many of them are read in each tick."""
        self._filled: frozenset[Booth] = frozenset()
        self._redis_away_since: datetime | None = None
        self._ticks = 0
        self._told: object = None

    async def run(self) -> None:
        """Read while there are watchers, until cancelled."""
        while True:
            self._wake.clear()
            if self.watching.booths():
                async with self._at_work() as tasks:
                    while self.watching.booths():
                        _require_alive(tasks)
                        began = self.clock()
                        await self._tick()
                        worked = self.clock() - began
                        await asyncio.sleep(max(_TICK_SECONDS - worked, _REST_SECONDS))
                    # Before anything is waited for: who comes now finds another feed.
                    self._forget()
            await self._wake.wait()

    @contextlib.asynccontextmanager
    async def _at_work(self) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """Have doorbells heard and rows read while the context is open."""
        subscriber = self.new_subscriber()
        subscriber.subscribe(self._doorbells.channels, self._doorbells)
        self._subscriber = subscriber
        tasks = [
            asyncio.create_task(subscriber.run(), name="hear changes for the console"),
            asyncio.create_task(self._rows.run(), name="read rows for the console"),
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                await end_task(task, _TIDY_SECONDS)

    def close(self) -> None:
        """End all streams: the registry stops."""
        self.is_closed = True
        self.changed.set()

    # What clients ask for.

    async def snapshot(self, booth: Booth) -> Snapshot:
        """Return all tiles of a booth (empty: of none; None: all), and the position after them.

        Raises:
            BusUnavailableError: They could not be read in time.
        """
        self.watching.begin(booth)
        try:
            await self.filled(booth)
        finally:
            self.watching.end(booth)
        return Snapshot(str(self.position), self.hub_state(), self.tiles.all(booth))

    async def filled(self, booth: Booth) -> None:
        """Return once all chargers of a watched booth were read.

        Raises:
            BusUnavailableError: They could not be read in time.
        """
        self._wake.set()
        deadline = self.clock() + _FILL_SECONDS
        while booth not in self._filled:
            left = deadline - self.clock()
            if left <= 0 or self.is_closed:
                raise BusUnavailableError("Redis or Postgres does not answer in time")
            await wait_for_event(self.changed, min(left, 1.0))

    @contextlib.contextmanager
    def stream(self, booth: Booth) -> Iterator[None]:
        """Have a booth be watched while the context is open.

        Raises:
            TooBusyError: There are as many streams as may be.
        """
        with self.streams.slot():
            self.watching.begin(booth)
            metrics.LIVE_STREAMS.inc()
            self._wake.set()
            try:
                yield
            finally:
                metrics.LIVE_STREAMS.dec()
                self.watching.end(booth)

    @property
    def position(self) -> Position:
        """The position after the last change."""
        return Position(self._id, self.tiles.number)

    def knows(self, position: Position | None) -> bool:
        """Tell whether all changes after a position are known."""
        return (
            position is not None and position.feed == self._id and self.tiles.knows(position.number)
        )

    def hub_state(self) -> HubState:
        """Return what else a client must know, so that nothing old looks current."""
        return HubState(
            redis_away_since=self._redis_away_since, postgres_away_since=self._rows.away_since
        )

    # The work, four times a second.

    async def _tick(self) -> None:
        self._ticks += 1
        self._take_rows()
        if not self._rows.is_loaded:
            self._tell()
            return
        watched = self.watching.booths()
        self._take_doorbells()
        self._unread.update(self._chargers_in(watched - self._filled))
        self._unread.update(self._next_of_sweep(watched))
        try:
            has_read = await self._read_unread()
        except (BusUnavailableError, DirectoryAbsentError):
            self._redis_away_since = self._redis_away_since or datetime.now(UTC)
            self._unread.update(self._chargers_in(self._filled))
        else:
            if has_read:
                self._redis_away_since = None
            self._filled = watched
        self._tell()

    def _tell(self) -> None:
        news = self.tiles.number, self.hub_state(), self._filled
        if news != self._told:
            self._told = news
            self.changed.set()
            self.changed = asyncio.Event()

    def _take_rows(self) -> None:
        changed, self._rows.changed = self._rows.changed, set()
        for charger in changed:
            if charger in self._rows.all:
                self._unread.add(charger)
            else:
                self.tiles.remove(charger)
                self._ready.forget(charger)

    def _take_doorbells(self) -> None:
        heard = self._doorbells.take()
        if isinstance(trouble := self._subscriber.trouble, RefusedError):
            self._doorbell_log.log(trouble)  # an older ACL; all else is logged by who hears
        self._unread |= heard.chargers
        if heard.paired:
            self._rows.ask(heard.paired)
        if heard.partitions:
            self._unread.update(
                each
                for each in self._rows.all
                if self.reader.partition_of(each) in heard.partitions
            )
        for charger in heard.lights.keys() & self._rows.all.keys():
            change = newer_change(self._lights.get(charger), heard.lights[charger])
            self._lights[charger] = change

    def _chargers_in(self, booths: frozenset[Booth]) -> Iterator[str]:
        # Four times a second nothing is new: then no row is looked at.
        for charger, row in self._rows.all.items() if booths else ():
            if any(is_shown(row.booth, booth) for booth in booths):
                yield charger

    def _next_of_sweep(self, watched: frozenset[Booth]) -> list[str]:
        if not self._sweep:
            self._sweep = list(self._chargers_in(watched))
            self._share = math.ceil(len(self._sweep) / _TICKS_OF_A_SWEEP)
        some, self._sweep = self._sweep[: self._share], self._sweep[self._share :]
        return some

    async def _read_unread(self) -> bool:
        """Read what may have changed; return whether that showed that Redis is there."""
        chargers = [each for each in self._unread if each in self._rows.all]
        self._unread = set(chargers)
        is_look = not chargers and self._ticks % _LOOK_TICKS == 0
        if is_look:
            await self.reader.chargers([])
        for piece in parts(chargers, _PIECE):
            await self._read(piece)
            self._unread.difference_update(piece)
        return is_look or bool(chargers)

    async def _read(self, chargers: list[str]) -> None:
        raws, environment = await self.reader.chargers(chargers)
        for raw in raws:
            row = self._rows.all.get(raw.id)
            if row is not None:  # else it was removed while we read
                found = find(row, raw, environment)
                if ready := self._ready.of(row, raw, found.tile.level, environment.now):
                    found = found.with_ready(ready)
                tile = next_tile(self.tiles.get(raw.id), found, row, self._lights.pop(raw.id, None))
                self.tiles.put(tile)


def _require_alive(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Have a task that ended by a bug end the process, as each endless task does."""
    for task in tasks:
        if task.done():
            task.result()
            raise RuntimeError(f"the task {task.get_name()} ended, which it never should")
