"""Decides when to project: changes at once, and everything if some may have been missed."""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.registry import metrics
from services.registry.directory import snapshot
from services.registry.directory.projection import Projection
from services.registry.directory.snapshot import (
    ChargerEntry,
    SecretsEntry,
    Snapshot,
    WidgetEntry,
)
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import EXPECTED, Expected, Troubles, reason_of
from shared.bus.bus import Bus
from shared.bus.config_agreement import agree, wait_and_agree
from shared.contract.devices import Kind
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_CHECK_SECONDS: Final = 0.5
"""How often to check that the directory in Redis is still complete."""

_WAIT_SECONDS: Final = 2.0
"""How long a caller waits for its change to be in effect."""

_log = logs.get(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class Projector:
    """Keeps the directory in Redis equal to the one in Postgres.

    Level-triggered: doorbells only say when to read Postgres, and what is read is
    projected. If changes may have been missed (Redis or Postgres was away, Redis was
    emptied), everything is.
    """

    database: Database
    bus: Bus
    projection: Projection
    agreement: Mapping[str, str]
    """The settings that must be the same in all instances."""
    full_seconds: float
    """How often to project everything, whether or not there is a reason."""
    poll_seconds: float
    """How often to look for changes without a doorbell."""
    rng: random.Random
    troubles: Troubles = field(default_factory=Troubles)

    def __post_init__(self) -> None:
        """Begin with a full projection, as soon as it runs."""
        self._backoff = Backoff(0.1, 2.0, self.rng)
        self._wake = asyncio.Event()
        self._changes_requested = True
        # Counts, not a flag: a request during a full projection outlives it.
        self._full_requests = 1
        self._full_requests_done = 0
        self._projected_number = 0
        self._advanced = asyncio.Event()
        self._check_due = self._full_due = self._poll_due = time.monotonic()
        self._failure: str | None = "not started"
        self._ever_complete = False
        self.bus.on_reconnected(self.request_full_projection)

    @property
    def not_ready_because(self) -> str | None:
        """Why the directory was never projected by this process; None once it was."""
        if self._ever_complete:
            return None
        return f"the directory is not in Redis yet: {self._failure}"

    def request_projection(self) -> None:
        """Project what changed, now."""
        self._changes_requested = True
        self._wake.set()

    def request_full_projection(self) -> None:
        """Project everything, now: Redis may have lost entries, or changes were missed."""
        self._full_requests += 1
        metrics.PROJECTED_NUMBER.set(0)
        self._wake.set()

    def has_projected(self, number: int) -> bool:
        """Tell whether the change with this pairing number is in effect in Redis."""
        return self._is_settled and self._projected_number >= number

    async def wait_for(self, number: int, within: float = _WAIT_SECONDS) -> bool:
        """Project now, and wait a moment for the change with this pairing number.

        Args:
            number: The pairing number.
            within: How long to wait, in seconds.

        Returns:
            Whether it is in effect in Redis.
        """
        if not self.has_projected(number):
            self.request_projection()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self.has_projected(number):
                    await self._advanced.wait()
        return self.has_projected(number)

    async def run(self) -> None:
        """Project until cancelled.

        Raises:
            CannotServeError: Another instance is configured differently.
        """
        self._failure = "waiting for Redis"
        await wait_and_agree(self.bus, self.agreement, self.rng)
        self._failure = "waiting for Postgres"
        await self.database.migrated.wait()
        while True:
            # Cleared first: a change from now on may not be in this projection.
            self._wake.clear()
            try:
                await self._project_if_needed()
            except EXPECTED as error:
                self._set_failure(error)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._set_failure(None)
                self._backoff.reset()
                await self._pause()

    @property
    def _is_settled(self) -> bool:
        """Whether no full projection is requested."""
        return self._full_requests == self._full_requests_done

    async def _pause(self) -> None:
        await wait_for_event(self._wake, _CHECK_SECONDS)

    async def _project_if_needed(self) -> None:
        now = time.monotonic()
        # First, because this also connects to a lost Redis again; but not for each of many
        # changes in a row.
        if now >= self._check_due or not self._is_settled:
            complete = await self.projection.is_complete()
            self._check_due = now + _CHECK_SECONDS
            if not complete and self._is_settled:
                _log.warning("entries of the directory are missing in redis, projecting all of it")
                self.request_full_projection()
        if not self._is_settled or now >= self._full_due:
            await self._project_all()
            self._full_due = now + self.full_seconds
            self._poll_due = now + self.poll_seconds
        elif self._changes_requested or now >= self._poll_due:
            await self._project_changes()
            self._poll_due = now + self.poll_seconds

    async def _project_all(self) -> None:
        requests = self._full_requests
        self._changes_requested = False
        # Again, because an emptied Redis lost this too.
        await agree(self.bus, self.agreement)
        widgets: set[str] = set()
        chargers: set[str] = set()

        async def write_widgets(entries: list[WidgetEntry]) -> None:
            widgets.update(entry.id for entry in entries)
            metrics.ENTRIES_CHANGED.inc((await self.projection.write_widgets(entries)).changed)

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            chargers.update(entry.id for entry in entries)
            metrics.ENTRIES_CHANGED.inc((await self.projection.write_chargers(entries)).changed)

        async with snapshot.take(self.database) as directory:
            greatest = await directory.greatest_number()
            await self._project_secrets_after(0, directory)
            await directory.widgets(0, write_widgets)
            await directory.chargers(0, write_chargers)
        metrics.ENTRIES_CHANGED.inc(
            await self.projection.remove_strays(widgets, chargers, greatest)
        )
        # Last: it says that everything is there.
        if not await self.projection.complete(widgets, chargers):
            _log.warning("redis was emptied during a projection, starting over")
            self.request_full_projection()
            return
        self._full_requests_done = requests
        self._ever_complete = True
        metrics.FULL_PROJECTIONS.inc()
        _log.debug("directory projected", chargers=len(chargers), widgets=len(widgets))
        self._advance(greatest)

    async def _project_changes(self) -> None:
        self._changes_requested = False
        try:
            async with snapshot.take(self.database) as directory:
                greatest = await directory.greatest_number()
                if greatest > self._projected_number:
                    await self._project_after(self._projected_number, directory)
        except EXPECTED:
            self._changes_requested = True
            raise
        if greatest < self._projected_number:
            # Numbers never shrink by themselves. Redis keeps its entries until the numbers
            # have grown past theirs, so a person must act.
            _log.error(
                "postgres lost changes that redis has: was a backup restored?",
                remedy=f"SELECT setval('pairing_numbers', {self._projected_number}), then look at "
                "each device changed since the backup",
            )
            self.request_full_projection()
        elif greatest > self._projected_number:
            self._advance(greatest)

    async def _project_after(self, number: int, directory: Snapshot) -> None:
        changed = 0

        async def write_widgets(entries: list[WidgetEntry]) -> None:
            nonlocal changed
            changed += (await self.projection.write_widgets(entries)).changed

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            nonlocal changed
            changed += (await self.projection.write_chargers(entries)).changed

        await self._project_secrets_after(number, directory)
        # All widgets before any charger: see `Projection.write_chargers`.
        await directory.unregistered_widgets(number, write_widgets)
        await directory.widgets(number, write_widgets)
        await directory.unregistered_chargers(number, write_chargers)
        await directory.chargers(number, write_chargers)
        metrics.ENTRIES_CHANGED.inc(changed)

    async def _project_secrets_after(self, number: int, directory: Snapshot) -> None:
        # Before any entry: see `Projection.write_secrets`.
        for kind in Kind:

            async def write(entries: list[SecretsEntry], kind: Kind = kind) -> None:
                await self.projection.write_secrets(kind, entries)

            await directory.secrets(kind, number, write)

    def _advance(self, number: int) -> None:
        self._projected_number = number
        metrics.PROJECTED_NUMBER.set(number)
        self._advanced.set()
        self._advanced = asyncio.Event()

    def _set_failure(self, error: Expected | None) -> None:
        if error is not None:
            self.troubles.begin("projector", error)
            self._failure = reason_of(error)
            return
        self.troubles.end("projector")
        if self._failure is not None:
            _log.info("the directory is in redis", pairing_number=self._projected_number)
        self._failure = None
