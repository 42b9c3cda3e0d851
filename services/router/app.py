"""What a router process owns, opened in order and closed in reverse."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

from services.router import metrics
from services.router.clear_pending import PendingClearer
from services.router.find_overdue import OverdueFinder
from services.router.leases import Leases
from services.router.redis_check import RIGHTS, agreement_of
from services.router.routing import Routing
from services.router.settings import RouterSettings
from services.router.traces.routing_traces import RoutingTraces
from shared.bus.echo import Echo
from shared.bus.factory import open_bus, open_check, open_subscriber
from shared.contract.instances import Figures
from shared.contract.names import Names, echo_channel
from shared.contract.thresholds import Thresholds
from shared.process import health, logs
from shared.process.metrics import service
from shared.process.metrics.loop_delay import watch_loop
from shared.process.metrics.readiness import NotReady, Reason, text_of
from shared.process.runtime import Background, describe
from shared.process.traces.opening import open_tracing
from shared.process.waiting import unless_stopped
from shared.reporting.reporter import Reporter

_log = logs.get(__name__)


async def serve(settings: RouterSettings, stop: asyncio.Event) -> None:
    """Run a router until ``stop`` is set, then give its partitions back."""
    router = Router(settings)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        await stack.enter_async_context(
            health.listening(
                settings.listen_address("health_port"),
                router.not_ready_because,
                allowed_hosts=settings.allowed_hosts,
            )
        )
        router.open(stack)
        await unless_stopped(stop, router.check.wait_and_agree())
        if stop.is_set():
            return
        background = Background(group)
        stack.push_async_callback(router.reporter.leave)
        stack.push_async_callback(router.leave)
        stack.push_async_callback(background.stop)
        router.start(background)
        _log.info("serving", **describe(settings))
        await stop.wait()


class Router:
    """The parts of a router and how they are joined."""

    def __init__(self, settings: RouterSettings) -> None:
        rng = random.SystemRandom()
        names = Names(settings.partitions)
        self._tracing = open_tracing(settings)
        self._bus = open_bus(settings, settings.instance_id)
        # A connection of its own: no batch delays the renewal of a lease.
        self._lease_bus = open_bus(settings, settings.instance_id, "leases")
        self._subscriber = open_subscriber(settings, settings.instance_id, rng)
        self._echo = Echo(self._bus, self._subscriber, echo_channel(settings.instance_id))
        self._clearer = PendingClearer(self._bus, names)
        self._routing = Routing(
            self._bus,
            names,
            thresholds=Thresholds.parse(settings.thresholds),
            version=settings.thresholds_version,
            clearer=self._clearer,
            rng=rng,
            traces=RoutingTraces(self._tracing) if self._tracing else None,
        )
        self._finder = OverdueFinder(
            self._bus,
            self._subscriber,
            names,
            on_message=self._routing.on_message,
            route=self._routing.route,
            clearer=self._clearer,
            ahead=self._routing.ahead,
            rng=rng,
        )
        self._leases = Leases(
            self._lease_bus,
            names,
            settings.instance_id,
            on_taken=self._finder.own,
            on_lost=self._finder.disown,
            rng=rng,
        )
        connections = (self._bus, self._subscriber, self._lease_bus)
        self.check = open_check(settings, RIGHTS, agreement_of(settings), connections, rng)
        self._show_metrics(settings)
        self.reporter = Reporter(
            bus=self.check.bus,
            service=settings.service,
            instance_id=settings.instance_id,
            not_ready_because=self.not_ready_because,
            figures=self._figures,
            rng=rng,
        )

    def _show_metrics(self, settings: RouterSettings) -> None:
        """Have each scrape ask for what is not counted."""
        service.READINESS.follow(self.not_ready)
        metrics.PARTITIONS.set(settings.partitions)
        finder = self._finder
        metrics.PENDING.set_function(lambda: float(sum(finder.pending.values())))
        metrics.PENDING_OLDEST.set_function(
            lambda: finder.overdue.count_and_oldest(time.monotonic())[1]
        )

    def open(self, stack: AsyncExitStack) -> None:
        """Let ``stack`` close the connections to Redis. They open at their first use."""
        if self._tracing is not None:
            stack.push_async_callback(self._tracing.close)
        stack.push_async_callback(self._bus.close)
        stack.push_async_callback(self._lease_bus.close)
        stack.push_async_callback(self.check.bus.close)

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        background.start(self.check.run(), "check redis")
        background.start(watch_loop(), "watch the event loop")
        background.start(self._subscriber.run(), "hear doorbells")
        background.start(self._echo.call(), "hear itself")
        background.start(self._routing.run(), "route readings")
        background.start(self._clearer.run(), "clear pending")
        background.start(self._finder.run(), "find overdue")
        background.start(self._leases.keep(), "keep leases")
        background.start(self.reporter.run(), "report")

    async def leave(self) -> None:
        """Clear what was routed and give the partitions back."""
        await self._clearer.clear_added()
        await self._leases.leave()

    def _figures(self) -> Figures:
        overdue, oldest = self._finder.overdue.count_and_oldest(time.monotonic())
        return Figures(partitions=self._leases.owned, overdue=overdue, overdue_seconds=oldest)

    def not_ready_because(self) -> str | None:
        """Return what ``/readyz`` says."""
        return text_of(self.not_ready())

    def not_ready(self) -> NotReady | None:
        """Return why readings are not routed here, or None."""
        if (refused := self.check.not_ready_because) is not None:
            return NotReady(Reason.REDIS_REFUSES, refused)
        if not self._bus.connected or not self._subscriber.connected:
            away = f"no connection to redis{self.check.away_because}"
            return NotReady(Reason.REDIS_AWAY, away)
        if not self._echo.comes_back:
            return NotReady(Reason.REDIS_UNHEARD, health.UNHEARD)
        if not self._leases.joined:
            return NotReady(Reason.NOT_JOINED, "not among the live routers yet")
        return None
