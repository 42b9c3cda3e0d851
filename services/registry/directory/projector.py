"""Decides when to project: at once when something changed, and all of it whenever in doubt."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import ResponseError

from services.registry import metrics
from services.registry.devices.devices import Kind
from services.registry.directory import snapshot
from services.registry.directory.projection import Projection
from services.registry.directory.snapshot import (
    ChargerEntry,
    SecretsEntry,
    Snapshot,
    WidgetEntry,
)
from services.registry.postgres.database import Database, PostgresUnavailableError
from shared.bus.bus import Bus
from shared.bus.config_agreement import agree, wait_and_agree
from shared.bus.connection import BusUnavailableError
from shared.process import logs
from shared.process.backoff import Backoff

_LOOK_SECONDS: Final = 0.5
"""How often to look whether the directory in Redis is still complete."""

_PATIENCE_SECONDS: Final = 2.0
"""How long a caller waits for its change to be in effect."""

_log = logs.get(__name__)


class Projector:
    """Keeps the directory in Redis equal to the one in Postgres.

    Level-triggered: doorbells only say when to look, and what is found is what
    is projected. Whatever may have been missed (Redis or Postgres was away,
    Redis is empty) makes it look at everything.

    Args:
        database: Postgres.
        bus: Redis.
        projection: The directory in Redis.
        agreement: What all instances must be configured with alike.
        full_seconds: How often to project everything without any reason.
        poll_seconds: How often to look for changes without a doorbell.
        on_paired: Called with chargers that were projected as newly paired.
        rng: Jitter of the retries.
    """

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        projection: Projection,
        agreement: dict[str, str],
        full_seconds: float,
        poll_seconds: float,
        on_paired: Callable[[list[str]], None],
        rng: random.Random,
    ) -> None:
        self._database = database
        self._bus = bus
        self._projection = projection
        self._agreement = agreement
        self._full_seconds = full_seconds
        self._poll_seconds = poll_seconds
        self._on_paired = on_paired
        self._rng = rng
        self._backoff = Backoff(0.1, 2.0, rng)
        self._wake = asyncio.Event()
        self._rung = True
        # A count, not a flag: a doubt raised during a full projection outlives it.
        self._doubts = 1
        self._settled = 0
        self._reached = 0
        self._advanced = asyncio.Event()
        self._look_due = self._full_due = self._poll_due = time.monotonic()
        self._trouble: str | None = "not started"
        self._ever_complete = False
        bus.on_reconnected(self.doubt)

    @property
    def trouble(self) -> str | None:
        """Why the directory was never projected by this process; None once it was."""
        if self._ever_complete:
            return None
        return f"the directory is not in Redis yet: {self._trouble}"

    def ring(self) -> None:
        """Look for changes now."""
        self._rung = True
        self._wake.set()

    def doubt(self) -> None:
        """Project everything: what was projected may be gone, or changes may have been missed."""
        self._doubts += 1
        metrics.PROJECTED_NUMBER.set(0)
        self._wake.set()

    def has(self, number: int) -> bool:
        """Tell whether the change with this pairing number is in effect in Redis."""
        return self._doubts == self._settled and self._reached >= number

    async def in_effect(self, number: int, within: float = _PATIENCE_SECONDS) -> bool:
        """Project now, and wait a moment for the change with this pairing number.

        Args:
            number: The pairing number.
            within: How long to wait, in seconds.

        Returns:
            Whether it is in effect in Redis.
        """
        if not self.has(number):
            self.ring()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self.has(number):
                    await self._advanced.wait()
        return self.has(number)

    async def run(self) -> None:
        """Project until cancelled.

        Raises:
            CannotServeError: Another instance is configured differently.
        """
        self._trouble = "waiting for Redis"
        await wait_and_agree(self._bus, self._agreement, self._rng)
        self._trouble = "waiting for Postgres"
        await self._database.migrated.wait()
        while True:
            # Cleared before looking: what rings from now on is not in this look.
            self._wake.clear()
            try:
                await self._look()
            except (BusUnavailableError, PostgresUnavailableError, ResponseError) as error:
                # A ResponseError: somebody made a key of ours into something else. What
                # else a registry does goes on, and this as soon as that is mended.
                self._note(str(error))
                await asyncio.sleep(self._backoff.delay())
            else:
                self._note(None)
                self._backoff.reset()
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._wake.wait()

    async def _look(self) -> None:
        now = time.monotonic()
        # First of all, because asking is also what connects to a lost Redis again;
        # but not for each of many changes in a row.
        if now >= self._look_due or self._doubts != self._settled:
            complete = await self._projection.is_complete()
            self._look_due = now + _LOOK_SECONDS
            if not complete and self._doubts == self._settled:
                _log.warning("directory missing in redis, projecting all of it")
                self.doubt()
        if self._doubts != self._settled or now >= self._full_due:
            await self._project_all()
            self._full_due = now + self._full_seconds
            self._poll_due = now + self._poll_seconds
        elif self._rung or now >= self._poll_due:
            await self._project_changes()
            self._poll_due = now + self._poll_seconds

    async def _project_all(self) -> None:
        doubts = self._doubts
        self._rung = False
        # Said again, because an emptied Redis forgot this too.
        await agree(self._bus, self._agreement)
        widgets: set[str] = set()
        chargers: set[str] = set()

        async def write_widgets(entries: list[WidgetEntry]) -> None:
            widgets.update(entry.id for entry in entries)
            metrics.ENTRIES_CHANGED.inc(await self._projection.write_widgets(entries))

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            chargers.update(entry.id for entry in entries)
            metrics.ENTRIES_CHANGED.inc(await self._projection.write_chargers(entries))

        async with snapshot.taken(self._database) as directory:
            greatest = await directory.greatest_number()
            await self._project_secrets_after(0, directory)
            await directory.widgets(0, write_widgets)
            await directory.chargers(0, write_chargers)
        metrics.ENTRIES_CHANGED.inc(
            await self._projection.remove_strays(widgets, chargers, greatest)
        )
        # Last: it says that everything is there.
        if not await self._projection.complete(widgets, chargers):
            _log.warning("redis was emptied during a projection, starting over")
            self.doubt()
            return
        self._settled = doubts
        self._ever_complete = True
        metrics.FULL_PROJECTIONS.inc()
        _log.debug("directory projected", chargers=len(chargers), widgets=len(widgets))
        self._advance(greatest)

    async def _project_changes(self) -> None:
        self._rung = False
        try:
            async with snapshot.taken(self._database) as directory:
                greatest = await directory.greatest_number()
                if greatest > self._reached:
                    await self._project_after(self._reached, directory)
        except (BusUnavailableError, PostgresUnavailableError, ResponseError):
            self._rung = True
            raise
        if greatest < self._reached:
            # Numbers never shrink by themselves. What Redis has wins until they
            # have grown past it again, so this needs a person.
            _log.error(
                "postgres lost changes that redis has: was a backup restored?",
                remedy=f"SELECT setval('pairing_numbers', {self._reached}), then look at each "
                "device changed since the backup",
            )
            self.doubt()
        elif greatest > self._reached:
            self._advance(greatest)

    async def _project_after(self, number: int, directory: Snapshot) -> None:
        changed = 0

        async def write_widgets(entries: list[WidgetEntry]) -> None:
            nonlocal changed
            changed += await self._projection.write_widgets(entries)

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            nonlocal changed
            changed += await self._projection.write_chargers(entries)
            self._on_paired([each.id for each in entries if each.widget and each.floor is None])

        await self._project_secrets_after(number, directory)
        # All widgets before any charger: see `Projection.write_chargers`.
        await directory.unregistered_widgets(number, write_widgets)
        await directory.widgets(number, write_widgets)
        await directory.unregistered_chargers(number, write_chargers)
        await directory.chargers(number, write_chargers)
        metrics.ENTRIES_CHANGED.inc(changed)

    async def _project_secrets_after(self, number: int, directory: Snapshot) -> None:
        """Before any entry: see `Projection.write_secrets`."""
        for kind in Kind:

            async def write(entries: list[SecretsEntry], kind: Kind = kind) -> None:
                await self._projection.write_secrets(kind, entries)

            await directory.secrets(kind, number, write)

    def _advance(self, number: int) -> None:
        self._reached = number
        metrics.PROJECTED_NUMBER.set(number)
        self._advanced.set()
        self._advanced = asyncio.Event()

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            _log.warning("can not project", reason=trouble)
        elif trouble is None and self._trouble is not None:
            _log.info("the directory is in redis", pairing_number=self._reached)
        self._trouble = trouble
