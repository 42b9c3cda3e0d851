"""Decides when to project: changes at once, and everything if some may have been missed."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Final

from services.registry import metrics
from services.registry.directory import lost_changes, snapshot
from services.registry.directory.projection import Projection, Written
from services.registry.directory.snapshot import (
    ChargerEntry,
    SecretsEntry,
    Snapshot,
    WidgetEntry,
)
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import EXPECTED, Expected, Troubles, reason_of
from shared.bus.bus import Bus
from shared.bus.refusals.config_agreement import Agreement, agree
from shared.contract.devices import Kind
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_CHECK_SECONDS: Final = 0.5
"""How often to check that the directory in Redis is still complete."""

_DOUBT_SECONDS: Final = 0.5
"""So long may it take to find out whether Postgres lost changes, or another registry was faster."""

_SHOWN: Final = 20
"""How many devices a log line names."""

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
    agreement: Agreement
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
        self._projected_token = ""
        self._greatest = 0
        self._advanced = asyncio.Event()
        self._check_due = self._full_due = self._poll_due = time.monotonic()
        self._failure: str | None = "not started"
        self._ever_complete = False
        self._is_stopping = False
        self._doubted_since: float | None = None
        # Of rounds; a round looks at Postgres after it began.
        self._begun = self._ended = 0
        self.bus.on_reconnected(self.request_full_projection)

    @property
    def not_ready_because(self) -> str | None:
        """Why the directory was never projected by this process, or is wrong; else None."""
        if not self._ever_complete:
            return f"the directory is not in Redis yet: {self._failure}"
        doubted = self._doubted_since
        if doubted is not None and time.monotonic() - doubted > _DOUBT_SECONDS:
            return f"Redis has changes that Postgres may have lost: {self._failure or 'repairing'}"
        return None

    @property
    def lag(self) -> int:
        """How many numbers of changes that are known of may not be in effect in Redis."""
        return max(self._greatest - (self._projected_number if self._is_settled else 0), 0)

    def request_projection(self) -> None:
        """Project what changed, now."""
        self._changes_requested = True
        self._wake.set()

    def request_full_projection(self) -> None:
        """Project everything, now: Redis may have lost entries, or changes were missed."""
        self._full_requests += 1
        metrics.PROJECTED_NUMBER.set(0)
        self._wake.set()

    @property
    def projected_number(self) -> int | None:
        """All changes up to this pairing number are in effect in Redis; None: not known."""
        return self._projected_number if self._is_settled else None

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
        self._greatest = max(self._greatest, number)
        # A number that was reached already may have been drawn for the second time, by a
        # Postgres that went back in time: only a look from now on tells.
        round_ = self._begun if self._projected_number >= number else -1
        if round_ >= 0 or not self.has_projected(number):
            self.request_projection()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not (self.has_projected(number) and self._ended > round_):
                    if self._is_stopping:
                        return False
                    await self._advanced.wait()
                return True
        return False

    def stop_waiting(self) -> None:
        """Have nobody wait any more: this registry stops, and others project as well."""
        self._is_stopping = True
        self._announce()

    async def run(self) -> None:
        """Project until cancelled."""
        self._failure = "waiting for Postgres"
        await self.database.migrated.wait()
        while True:
            # Cleared first: a change from now on may not be in this projection.
            self._wake.clear()
            self._begun += 1
            try:
                await self._project_if_needed()
            except EXPECTED as error:
                self._set_failure(error)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._set_failure(None)
                self._ended = self._begun
                self._announce()
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
            if complete and self._is_settled:
                metrics.DIRECTORY_CHECKED.set_to_current_time()
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
        suspects = lost_changes.no_devices()

        async def write_widgets(entries: list[WidgetEntry]) -> None:
            widgets.update(entry.id for entry in entries)
            _note(suspects, Kind.WIDGET, await self.projection.write_widgets(entries))

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            chargers.update(entry.id for entry in entries)
            _note(suspects, Kind.CHARGER, await self.projection.write_chargers(entries))

        async with snapshot.take(self.database) as directory:
            greatest = self._greatest = await directory.greatest_number()
            token = await directory.last_token()
            await self._project_secrets_after(0, directory, suspects)
            await directory.widgets(0, write_widgets)
            await directory.chargers(0, write_chargers)
        strays = await self.projection.remove_strays(widgets, chargers, greatest)
        for kind, written in strays.items():
            _note(suspects, kind, written)
        if await self._repair(suspects, greatest):
            return
        # Last: it says that everything is there.
        if not await self.projection.complete(widgets, chargers):
            _log.warning("redis was emptied during a projection, starting over")
            self.request_full_projection()
            return
        self._full_requests_done = requests
        self._ever_complete = True
        metrics.DIRECTORY_CHECKED.set_to_current_time()
        self._doubted_since = None
        metrics.FULL_PROJECTIONS.inc()
        _log.debug("directory projected", chargers=len(chargers), widgets=len(widgets))
        self._advance(greatest, token)

    async def _project_changes(self) -> None:
        self._changes_requested = False
        suspects = lost_changes.no_devices()
        try:
            async with snapshot.take(self.database) as directory:
                greatest = self._greatest = await directory.greatest_number()
                token = await directory.last_token()
                if greatest > self._projected_number:
                    await self._project_after(self._projected_number, directory, suspects)
            if any(suspects.values()) and await self._repair(suspects, greatest):
                return
        except EXPECTED:
            self._changes_requested = True
            raise
        drawn_again = greatest == self._projected_number and token != self._projected_token
        if greatest < self._projected_number or drawn_again:
            # Postgres went back in time.
            self.request_full_projection()
        elif greatest > self._projected_number:
            self._advance(greatest, token)

    async def _project_after(
        self, number: int, directory: Snapshot, suspects: lost_changes.Devices
    ) -> None:
        async def write_widgets(entries: list[WidgetEntry]) -> None:
            _note(suspects, Kind.WIDGET, await self.projection.write_widgets(entries))

        async def write_chargers(entries: list[ChargerEntry]) -> None:
            _note(suspects, Kind.CHARGER, await self.projection.write_chargers(entries))

        await self._project_secrets_after(number, directory, suspects)
        # All widgets before any charger: see `Projection.write_chargers`.
        await directory.unregistered_widgets(number, write_widgets)
        await directory.widgets(number, write_widgets)
        await directory.unregistered_chargers(number, write_chargers)
        await directory.chargers(number, write_chargers)

    async def _project_secrets_after(
        self, number: int, directory: Snapshot, suspects: lost_changes.Devices
    ) -> None:
        # Before any entry: see `Projection.write_secrets`.
        for kind in Kind:

            async def write(entries: list[SecretsEntry], kind: Kind = kind) -> None:
                written = await self.projection.write_secrets(kind, entries)
                suspects[kind].update(written.refused)

            await directory.secrets(kind, number, write)

    async def _repair(self, suspects: lost_changes.Devices, greatest: int) -> bool:
        """Repair what Postgres lost; return whether it had, so that all must be projected."""
        seen = self._projected_number
        if greatest >= seen and not any(suspects.values()):
            return False
        if self._doubted_since is None:
            self._doubted_since = time.monotonic()
        repair = await lost_changes.repair(self.database, self.projection, suspects, seen)
        if repair is None:
            self._doubted_since = None
            return False
        metrics.REPAIRS.inc()
        devices = sorted({*_ids(repair.renumbered), *_ids(repair.unregistered)})
        _log.error(
            "postgres lost changes that redis has: was a backup restored?",
            renumbered=len(_ids(repair.renumbered)),
            unregistered=len(_ids(repair.unregistered)),
            pairing_number=repair.number,
            devices=" ".join(devices[:_SHOWN]) + (" …" if len(devices) > _SHOWN else ""),
            remedy="what Postgres has is in effect now; make the changes since the backup again. "
            "All devices: chargelight audit --kind repair",
        )
        self._projected_number = 0
        self.request_full_projection()
        return True

    def _advance(self, number: int, token: str) -> None:
        self._projected_number, self._projected_token = number, token
        metrics.PROJECTED_NUMBER.set(number)
        self._announce()

    def _announce(self) -> None:
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


def _note(suspects: lost_changes.Devices, kind: Kind, written: Written) -> None:
    metrics.ENTRIES_CHANGED.inc(written.changed)
    suspects[kind].update(written.refused)


def _ids(devices: lost_changes.Devices) -> list[str]:
    return [each for ids in devices.values() for each in ids]
