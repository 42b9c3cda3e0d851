"""The processes of the hub: the services' own classes, each with one bus and one link to Redis."""

import asyncio
import contextlib
import math
from collections.abc import Coroutine, Iterator
from typing import Any, cast

from services.gateway.auth.authenticator import Authenticator
from services.gateway.chargers.chargers import Chargers
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widgets import Widgets
from services.registry.directory.projection import Projection
from services.registry.directory.projector import Projector
from services.router.audit import Audit
from services.router.clear_pending import PendingClearer
from services.router.find_overdue import OverdueFinder
from services.router.routing import Routing
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from shared.contract.names import Names
from shared.contract.thresholds import Thresholds
from tests.model.clocks import Timers
from tests.model.link import StepSubscriber
from tests.model.postgres import Postgres
from tests.model.server import Server
from tests.model.steps import BrokenError, OnRun, StepBus, StepEvent, Task
from tests.unit.shared.no_delay import LongestDelay, NoDelay

_SETTINGS = GatewaySettings()
_THRESHOLDS = Thresholds.parse("charging=0,charging80=80,charged=100")
_NEVER = 1e9


class Process:
    """Something that runs: tasks, and one connection to Redis for all of them.

    Attributes:
        stands_still: Whether it does nothing at present; what it has asked of Redis is done.
    """

    stands_still = False

    def __init__(self, server: Server, on_run: OnRun) -> None:
        self.bus = StepBus(server, on_run)
        self.timers = Timers(server.clocks)
        self._tasks: dict[str, Task] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Let its code run: it finds its own timers where it asks for the event loop."""
        asyncio._set_running_loop(cast("Any", self.timers))
        try:
            yield
        finally:
            asyncio._set_running_loop(None)

    @property
    def is_busy(self) -> bool:
        """Whether something can happen to what it asked of Redis."""
        return self.bus.is_busy and not (self.stands_still and self.bus.is_answered)

    def look_round(self) -> None:
        """Begin what a process does again and again without any reason."""
        raise NotImplementedError

    def step(self) -> None:
        """Have Redis do one thing, or let its answer arrive."""
        with self.running():
            if self.bus.is_answered:
                self.bus.answer()
            elif self.bus.is_busy:
                self.bus.execute_next()
        self.go_on()

    def run(self) -> None:
        """Do all that is to be done at once."""
        for _ in range(1000):
            if not self.is_busy:
                return
            self.step()
        raise BrokenError("it never ends")

    def go_on(self) -> None:
        """Let those go on that wait for nothing of Redis."""
        if self.stands_still:
            return
        with self.running():
            while ready := [task for task in self._tasks.values() if task.is_ready]:
                for task in ready:
                    task.resume(None)

    def cut(self) -> list[Call]:
        """Lose the connection. Return the calls that Redis may still find in its buffers."""
        with self.running():
            return self.bus.cut()

    def on_time(self) -> None:
        """Do what is due by now."""
        if not self.stands_still:
            with self.running():
                self.timers.advance()
            self.go_on()

    def stop(self) -> None:
        """End without another word."""
        for task in self._tasks.values():
            task.close()

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.get(name)
        if self.stands_still or (task is not None and not task.is_over):
            coroutine.close()
            return
        with self.running():
            self._tasks[name] = Task(coroutine)
        self.go_on()


class GatewayProcess(Process):
    """A gateway, joined as in `services.gateway.app`."""

    def __init__(self, server: Server, names: Names, on_run: OnRun) -> None:
        super().__init__(server, on_run)
        self._names = names
        self.context = ConnectionContext(_SETTINGS, server.clocks, LongestDelay())
        self.link = StepSubscriber()
        trust = DirectoryTrust()
        self.bus.on_reconnected(trust.distrust_missing_entries)
        self.chargers = Chargers(
            self.bus, names, self.context, devices=ConnectedDevices(), trust=trust, rng=NoDelay()
        )
        self.widgets = Widgets(
            self.bus,
            self.link,
            names,
            self.context,
            devices=ConnectedDevices(),
            trust=trust,
            rng=NoDelay(),
        )
        self.watch = DirectoryWatch(
            self.bus,
            names,
            chargers=self.chargers.on_directory_change,
            widgets=self.widgets.on_directory_change,
            on_replica=lambda: None,
            rng=NoDelay(),
        )
        self.link.subscribe(self.watch.channels, self.watch)
        self.chargers._wake = StepEvent()
        self.widgets._wake = StepEvent()
        self.authentication = Authentication(server, names, on_run, self)
        self._start("write", self.chargers.write())
        self._start("read", self.widgets.read())

    def look_round(self) -> None:
        self.look_at_directory()
        self.reconcile()

    def on_time(self) -> None:
        super().on_time()
        if not self.stands_still:
            with self.running():
                self.context.wheel.advance()
                self.context.pauses.advance()

    def reconcile(self) -> None:
        """Do a round of `Chargers.reconcile`."""
        reconciliation = self.chargers._reconciliation
        due, reconciliation.due = reconciliation.due, set()
        for partition in self.chargers._by_partition:
            due |= partition
        chargers = sorted(due, key=lambda charger: charger.opened_at)
        self._start("reconcile", self._reconcile(chargers))

    def look_at_directory(self) -> None:
        """Do a round of `DirectoryWatch.compare`."""
        self._start("watch", self._look_at_directory())

    async def _reconcile(self, chargers: list[Any]) -> None:
        reconciliation = self.chargers._reconciliation
        try:
            await reconciliation.compare(self.chargers._fingerprints.of(chargers))
        except BusUnavailableError:
            reconciliation.reconcile_soon(chargers)

    async def _look_at_directory(self) -> None:
        try:
            versions = await self.bus.commands([("GET", k) for k in self.watch._version_keys])
        except BusUnavailableError:
            return
        self.watch._on_versions(versions)


class Authentication(Process):
    """The part of a gateway that has a connection of its own: what is read before the 101."""

    def __init__(
        self, server: Server, names: Names, on_run: OnRun, gateway: GatewayProcess
    ) -> None:
        super().__init__(server, on_run)
        self._gateway = gateway
        self.timers = gateway.timers
        self.authenticator = Authenticator(
            self.bus, names, mode="off", keys=_SETTINGS.credential_keys, rng=NoDelay()
        )
        self.authenticator._wake = StepEvent()
        self._start("authenticate", self.authenticator.run())

    @property
    def stands_still(self) -> bool:  # type: ignore[override]
        """Whether its gateway does."""
        return self._gateway.stands_still

    def look_round(self) -> None:
        """It does nothing without a reason."""


class RouterProcess(Process):
    """A router that works on all partitions, as two may at once: leases decide nothing."""

    def __init__(self, server: Server, names: Names, on_run: OnRun) -> None:
        super().__init__(server, on_run)
        self.link = StepSubscriber()
        self.clearer = PendingClearer(self.bus, names)
        self.routing = Routing(
            self.bus,
            names,
            thresholds=_THRESHOLDS,
            version=1,
            clearer=self.clearer,
            rng=NoDelay(),
        )
        self.finder = OverdueFinder(
            self.bus,
            self.link,
            names,
            on_message=self.routing.on_message,
            route=self.routing.route,
            clearer=self.clearer,
            ahead=self.routing.ahead,
            rng=NoDelay(),
        )
        self.routing._wake = StepEvent()
        self.routing.ahead.clock = server.clocks
        self.finder._audit = Audit(self.bus, names, server.clocks)
        self.finder._audit._next_at = math.inf
        self.finder.own(set(range(names.partitions)))
        self._start("route", self.routing.run())

    def look_round(self) -> None:
        """Do a round of `OverdueFinder.run`."""
        self._start("find", self._find())

    def audit(self) -> None:
        """From now on look at all that is stored in each round: something of it is wrong."""
        self.finder._audit._next_at = 0.0

    def go_on(self) -> None:
        """As always, and clear what was routed: sooner or later is the same to the fences."""
        super().go_on()
        if self.clearer._routed and not self.stands_still:
            self._start("clear", self.clearer.clear_added())

    async def _find(self) -> None:
        try:
            await self.finder.find()
        except BusUnavailableError:
            return


class RegistryProcess(Process):
    """A registry's projection of the directory.

    Its scripts run at the moment they are sent: they count the age of a pairing back from Redis'
    clock, so what delays them on their way makes the pairing look younger.
    """

    def __init__(self, server: Server, names: Names, on_run: OnRun, postgres: Postgres) -> None:
        super().__init__(server, on_run)
        self.projector = Projector(
            # Only `snapshot.take` looks at it, and that is replaced.
            database=cast("Any", postgres),
            bus=self.bus,
            projection=Projection(self.bus, names, server.clocks),
            agreement={"CHARGELIGHT_PARTITIONS": str(names.partitions)},
            full_seconds=_NEVER,
            poll_seconds=_NEVER,
            rng=NoDelay(),
        )

    def look_round(self) -> None:
        """Do a round of `Projector.run`."""
        self.projector._check_due = 0.0
        self._start("look", self._look())

    def step(self) -> None:
        if self.bus.is_answered:
            with self.running():
                self.bus.answer()
            self.go_on()
        while self.bus.is_busy and not self.bus.is_answered:
            self.bus.execute_next()

    async def _look(self) -> None:
        try:
            await self.projector._project_if_needed()
        except BusUnavailableError:
            return
