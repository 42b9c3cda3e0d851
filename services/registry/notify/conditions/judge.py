"""Judges what people and other systems must be told, one registry at a time.

Registries may see the hub differently. So one of them judges, as long as it renews its turn in
Postgres. Correctness does not rest on that: what was told stands in Postgres too, and is not told
twice.

That a phone has been ready for so many minutes happens when those minutes are over, not when its
light becomes green: then it could be collected in time, and what was written would have to be
taken back. So it is judged here, and written with what notes that it was told.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from services.registry.hub.view import Hub
from services.registry.live.state_reader import StateReader
from services.registry.notify.conditions import raising, rented
from services.registry.notify.conditions.changes import Changes, Condition, Over, Raised
from services.registry.notify.conditions.limits import Limits
from services.registry.notify.conditions.raising import MOST_AT_ONCE
from services.registry.notify.conditions.silence import Silence
from services.registry.notify.conditions.troubles import NAMES, Lasting, troubles_of
from services.registry.notify.events import About, Kind
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.conditions import LOCKED, PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import reason_of
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

LOOK_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5
"""Until the next ones are told: time for others to change something."""
_TURN_SECONDS: Final = 20.0
"""So long after its last look, another registry takes the turn of one that died."""

_TAKE_TURN: Final = """
    UPDATE judging_registry
    SET instance = %(instance)s, until = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE instance = %(instance)s OR until < clock_timestamp()
"""

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Judge:
    """Judges until it is cancelled."""

    database: Database
    states: StateReader
    hub: Callable[[], Hub]
    """Returns what this registry sees of the hub."""
    limits: Limits
    destinations: Collection[str]
    instance_id: str
    look_seconds: float = LOOK_SECONDS
    has_more: bool = field(default=False, init=False)
    """Whether the last look found more than is told at once."""
    clock: Callable[[], float] = time.monotonic
    _silence: Silence = field(init=False)
    _lasting: Lasting = field(init=False)

    def __post_init__(self) -> None:
        self._silence = Silence(self.states, self.limits.silent, self.clock)
        self._lasting = Lasting(self.limits.trouble)
        self._failures = RateLimitedLog(_log, "what must be told cannot be judged")

    async def run(self) -> None:
        """Judge every few seconds. A failure makes the registry no less ready."""
        await self.database.migrated.wait()
        while True:
            self.has_more = False
            try:
                if await self.take_turn():
                    await self.judge()
            except PostgresUnavailableError as error:
                if error.condition is not LOCKED:  # a large import holds the lock for a while
                    self._failures.log(reason_of(error))
            await asyncio.sleep(_PAUSE_SECONDS if self.has_more else self.look_seconds)

    async def take_turn(self) -> bool:
        """Tell whether this registry judges now.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        values = {"instance": self.instance_id, "seconds": _TURN_SECONDS}
        async with self.database.connection() as connection:
            return bool((await connection.execute(_TAKE_TURN, values)).rowcount)

    async def judge(self) -> int:
        """Write what must be told now, or the first part of it; return how many events that are.

        Raises:
            PostgresUnavailableError: Postgres is away.
        """
        async with self.database.connection() as connection:
            raised = await raising.raised(connection)
            in_use = await rented.chargers_in_use(connection) if self.limits.silent else []
            of_rentals = await rented.changes(connection, self.limits, raised)
        troubles = self._troubles(raised)
        silent = Changes()
        if self.limits.silent:
            told = raised.get(Kind.CHARGER_SILENT, ())
            silent = await self._silence.changes(in_use, told)
        if not (troubles or of_rentals or silent):
            return 0
        async with self.database.write_transaction(REGISTRY) as connection:
            # Once more: a phone may have been collected meanwhile, and now nobody changes it.
            of_rentals = await rented.changes(
                connection, self.limits, await raising.raised(connection)
            )
            changes = of_rentals + silent
            count = await raising.tell(
                connection, self.destinations, troubles + changes.first(MOST_AT_ONCE)
            )
        self.has_more = len(changes) > MOST_AT_ONCE
        _log.info("events written", count=count)
        return count

    def _troubles(self, raised: Raised) -> Changes:
        if not self.limits.trouble:
            return Changes()
        told = set(raised.get(Kind.HUB_TROUBLE, ())) & set(NAMES)
        troubles = troubles_of(self.hub())
        seen = {name: text is not None for name, text in troubles.items()}
        changed = self._lasting.changed(seen, told, self.clock())
        new = tuple(
            Condition(
                Kind.HUB_TROUBLE,
                name,
                About.HUB,
                data={"name": NAMES[name], "summary": troubles[name]},
            )
            for name, value in changed.items()
            if value
        )
        over = tuple(Over(Kind.HUB_TROUBLE, name) for name, value in changed.items() if not value)
        return Changes(new, over)
