"""What a registry process owns: opened in order, closed in reverse."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from uvicorn.server import ServerState

from services.registry import metrics
from services.registry.access.authorization import Authorization
from services.registry.access.expiry import Expiry
from services.registry.access.secret_hasher import SecretHasher
from services.registry.access.unattributed_keys import UnattributedKeys
from services.registry.access.valid_keys import ValidKeys
from services.registry.api import server
from services.registry.audit.access_events import AccessEvents
from services.registry.audit.audit_file import AuditFile
from services.registry.audit.refused_devices import RefusedDevices
from services.registry.backup.folder import Schedule
from services.registry.backup.timer import BackupTimer
from services.registry.commands.command_service import CommandService
from services.registry.directory.projection import Projection
from services.registry.directory.projector import Projector
from services.registry.edge.strangers import Strangers
from services.registry.estimate.shown import PhoneEstimate
from services.registry.feed.feed import Feed
from services.registry.history.history import History
from services.registry.hub.hub_watch import HubWatch
from services.registry.hub.postgres_watch import PostgresWatch
from services.registry.hub.redis_watch import RedisWatch
from services.registry.lights_audit.lights_audit import LightsAudit
from services.registry.live.device_counts import DeviceCounts
from services.registry.live.redis_values import RawCharger
from services.registry.live.state_reader import StateReader
from services.registry.notify.conditions.judge import Judge
from services.registry.notify.notifier import Notifier
from services.registry.postgres import migrate
from services.registry.postgres.database import Database, connection_string
from services.registry.postgres.listener import Listener
from services.registry.postgres.troubles import Troubles
from services.registry.redis_check import RIGHTS, agreement_of
from services.registry.rentals.transition_recorder import TransitionRecorder
from services.registry.retention.pruner import Pruner
from services.registry.routes.build import build
from services.registry.routes.dependencies import Instance, Parts
from services.registry.settings import RegistrySettings
from shared.bus.factory import COMMANDS, open_bus, open_check, open_subscriber
from shared.contract.instances import Figures
from shared.contract.names import Names
from shared.process import health, logs
from shared.process.metrics import service
from shared.process.metrics.loop_delay import watch_loop
from shared.process.metrics.readiness import NotReady, Reason, text_of
from shared.process.runtime import Background, describe
from shared.process.tls.server_tls import ServerTls
from shared.process.waiting import unless_stopped
from shared.reporting.reporter import Reporter

_log = logs.get(__name__)

_MOST_STREAMS: Final = 200
"""Of the feed: each holds a connection."""


async def serve(settings: RegistrySettings, stop: asyncio.Event) -> None:
    """Run a registry until ``stop`` is set, then let running requests end.

    REST answers from the start: 503 until Postgres is there. Redis is not waited for either, but
    one that is there and refuses is found before.

    Raises:
        CannotServeError: The settings or the migrations do not fit what is there.
    """
    registry = Registry(settings)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        await stack.enter_async_context(
            health.listening(
                settings.listen_address("health_port"),
                registry.not_ready_because,
                registry.not_accepting_because,
                allowed_hosts=settings.allowed_hosts,
            )
        )
        await registry.open(stack)
        await unless_stopped(stop, registry.check.agree_once())
        stack.push_async_callback(registry.reporter.leave)
        background = Background(group)
        stack.push_async_callback(background.stop)
        registry.start(background)
        port = await stack.enter_async_context(
            server.listening(
                group,
                registry.api,
                settings.listen_address("port"),
                settings.max_connections,
                registry.tls,
                proxies=settings.proxies,
                strangers=registry.strangers,
                state=registry.server_state,
            )
        )
        _log.info("serving", **(describe(settings) | {"port": port}))
        await stop.wait()
        _log.info("stopping")
        registry.stop_waiting()


class Registry:
    """The parts of a registry and how they are joined."""

    def __init__(self, settings: RegistrySettings) -> None:
        _warn_if_open(settings)
        self._settings = settings
        rng = random.SystemRandom()
        names = Names(settings.partitions)
        conninfo = connection_string(settings.postgres_dsn.get_secret_value(), settings.instance_id)
        self._troubles = troubles = Troubles()
        self._database = Database(conninfo, troubles)
        self._bus = open_bus(settings, settings.instance_id)
        # Connections of their own, so that none waits for another's work.
        self._rentals_bus = open_bus(settings, settings.instance_id, "rentals")
        self._state_bus = open_bus(settings, settings.instance_id, "reader")
        self._transitions = TransitionRecorder(
            self._database, self._rentals_bus, names, troubles=troubles, rng=rng
        )
        self._expiry = Expiry(self._database, troubles, rng)
        self._pruner = Pruner(self._database, settings.keep)
        self._states = StateReader(self._state_bus, names)
        self._refused_devices = RefusedDevices(self._database, self._states, rng)
        self._feed = self._open_feed(settings, names, rng)
        self._know_operators(settings, names, rng)
        connections = (self._bus, self._rentals_bus, self._state_bus)
        agreement = agreement_of(settings)
        self.check = open_check(settings, RIGHTS, agreement, connections, rng)
        self._projector = Projector(
            database=self._database,
            bus=self._bus,
            projection=Projection(self._bus, names),
            agreement=agreement,
            full_seconds=settings.full_projection_seconds,
            poll_seconds=settings.poll_seconds,
            rng=rng,
            troubles=troubles,
        )
        self._listener = Listener(
            conninfo,
            database=self._database,
            migrations=migrate.load(),
            on_connected=self._projector.request_full_projection,
            on_change=self._projector.request_projection,
            troubles=troubles,
            rng=rng,
        )
        self._watch_hub(settings, names, rng)
        self._notifier = self._notify(settings, rng)
        files = settings.tls_files
        self.tls = None if files is None else ServerTls(files)
        self._show_metrics(names)
        self.api = build(
            self._parts(settings), settings.path_prefix, settings.origins, settings.allowed_hosts
        )

    def _show_metrics(self, names: Names) -> None:
        """Have each scrape ask for what is not counted."""
        self._counts = DeviceCounts(self._database, self._rentals_bus, names)
        database, listener, projector = self._database, self._listener, self._projector
        service.READINESS.follow(self.not_ready)
        metrics.DIRECTORY_LAG.set_function(lambda: float(projector.lag))
        metrics.TRANSITION_OLDEST.set_function(lambda: self._transitions.waiting_seconds)
        metrics.POSTGRES_CONNECTED.set_function(lambda: float(listener.is_connected))
        metrics.POSTGRES_POOL_WAITING.set_function(lambda: float(database.waiting))

    def _watch_hub(self, settings: RegistrySettings, names: Names, rng: random.Random) -> None:
        self.server_state = ServerState()
        self.reporter = Reporter(
            bus=self.check.bus,
            service=settings.service,
            instance_id=settings.instance_id,
            not_ready_because=self.not_ready_because,
            figures=self._figures,
            rng=rng,
        )
        self._hub = HubWatch(
            self.reporter,
            RedisWatch(self.check.bus, names),
            PostgresWatch(self._database, lambda: self._projector.projected_number),
            settings.partitions,
        )
        self._lights_audit = LightsAudit(self._states, self._hub.is_first_registry, rng)
        self._history = History(self._database, self._states, self._hub.is_first_registry)
        self._backups: BackupTimer | None = None
        if settings.backup_folder:
            schedule = Schedule(
                Path(settings.backup_folder), settings.backup_every_seconds, settings.backup_keep
            )
            self._backups = BackupTimer(schedule, self._takes_backups)
            self._hub.backups = self._backups.look

    def _takes_backups(self) -> bool:
        # Before that, there may be no tables.
        return self._database.migrated.is_set() and self._hub.is_first_registry()

    def _notify(self, settings: RegistrySettings, rng: random.Random) -> Notifier:
        destinations = settings.destinations
        judge = Judge(
            self._database,
            self._states,
            self._hub.view,
            settings.limits,
            [each.name for each in destinations],
            settings.instance_id,
        )
        return Notifier(destinations, self._database, judge, self._troubles, rng)

    def _figures(self) -> Figures:
        return Figures(
            connections=len(self.server_state.connections),
            connections_max=self._settings.max_connections,
        )

    def _open_feed(self, settings: RegistrySettings, names: Names, rng: random.Random) -> Feed:
        self._feed_bus = open_bus(settings, settings.instance_id, "feed")
        return Feed(
            StateReader(self._feed_bus, names),
            names,
            self._database,
            lambda: open_subscriber(settings, settings.instance_id, rng),
            # So many that requests still find a place.
            min(_MOST_STREAMS, settings.max_connections // 2),
            estimate_of=self._estimate_of,
        )

    def _open_commands(
        self, settings: RegistrySettings, names: Names, rng: random.Random
    ) -> CommandService:
        return CommandService(
            self._database,
            self._states,
            self._state_bus,
            names,
            lambda: open_subscriber(
                settings, settings.instance_id, rng, COMMANDS, is_lasting=False
            ),
        )

    def _estimate_of(self, raw: RawCharger, now: int) -> PhoneEstimate | None:
        return self._history.estimate_of(raw, now)  # which is opened after the feed

    def _know_operators(self, settings: RegistrySettings, names: Names, rng: random.Random) -> None:
        self._commands = self._open_commands(settings, names, rng)
        self._access_events = AccessEvents(self._database, self._troubles, rng)
        self._audit_file = (
            AuditFile(self._database, Path(settings.audit_file), self._troubles, rng)
            if settings.audit_file
            else None
        )
        bootstrap_key = settings.admin_key.get_secret_value()
        self._authorization = Authorization(
            self._database,
            self._access_events,
            required=settings.operator_auth == "required",
            bootstrap_key=bootstrap_key,
        )
        self._valid_keys = ValidKeys(self._database, bootstrap_key, self._troubles, rng)
        is_open = settings.operator_auth == "off"
        self.strangers = None if is_open else Strangers(self._valid_keys.__contains__)

    def not_ready_because(self) -> str | None:
        """Return what ``/readyz`` says."""
        return text_of(self.not_ready())

    def not_ready(self) -> NotReady | None:
        """Return why the registry is not ready, or None."""
        if (refused := self.check.not_ready_because) is not None:
            return NotReady(Reason.REDIS_REFUSES, refused)
        return self._not_accepting()

    def not_accepting_because(self) -> str | None:
        """Return why no request should be sent here, or None. It takes changes without Redis."""
        return text_of(self._not_accepting())

    def _not_accepting(self) -> NotReady | None:
        trouble = self._troubles.not_ready_because or self._listener.not_ready_because
        if trouble is not None:
            return NotReady(Reason.POSTGRES, trouble)
        if (missing := self._projector.not_ready_because) is not None:
            return NotReady(Reason.DIRECTORY, missing)
        return None

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the connections, and have ``stack`` close them."""
        buses = (self._bus, self._rentals_bus, self._state_bus, self._feed_bus, self.check.bus)
        for bus in buses:
            stack.push_async_callback(bus.close)
        await stack.enter_async_context(self._database)
        stack.push_async_callback(self._access_events.write_last)

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        background.start(self.check.run(), "check redis")
        background.start(watch_loop(), "watch the event loop")
        background.start(self.reporter.run(), "report")
        background.start(self._hub.redis.run(), "look at redis")
        background.start(self._hub.postgres.run(), "look at postgres")
        background.start(self._listener.run(), "postgres listener")
        background.start(self._projector.run(), "projector")
        background.start(self._transitions.run(), "record rentals")
        background.start(self._expiry.run(), "expire secrets")
        background.start(self._counts.run(), "count devices")
        background.start(self._feed.run(), "feed the console")
        background.start(self._lights_audit.run(), "audit lights")
        background.start(self._history.run(), "write the history of rentals")
        background.start(self._pruner.run(), "prune")
        if self._backups is not None:
            background.start(self._backups.run(), "take backups")
        self._notifier.start(background)
        if self._settings.operator_auth == "required":
            background.start(UnattributedKeys(self._database).run(), "name unattributed keys")
            background.start(self._valid_keys.run(), "read valid keys")
        background.start(self._access_events.run(), "write access events")
        background.start(self._refused_devices.run(), "audit refused devices")
        if self._audit_file is not None:
            background.start(self._audit_file.run(), "send the audit log on")
        if self.tls is not None:
            background.start(self.tls.watch(), "watch certificates")

    def stop_waiting(self) -> None:
        """Answer requests that have changed something, and end streams: they wait no longer."""
        self._projector.stop_waiting()
        self._commands.stop_waiting()
        self._feed.close()

    def _parts(self, settings: RegistrySettings) -> Parts:
        return Parts(
            self._database,
            self._projector,
            self._states,
            SecretHasher(
                self._database,
                settings.credential_key.get_secret_value(),
                settings.former_credential_key.get_secret_value(),
            ),
            self._authorization,
            self._hub.view,
            self._feed,
            self._commands,
            (lambda _: True) if self.strangers is None else self._valid_keys.__contains__,
            settings.keep,
            Instance(describe(settings), settings.protection, self.not_ready_because),
            self._history.estimate_of,
            self._notifier.destinations,
        )


def _warn_if_open(settings: RegistrySettings) -> None:
    if settings.operator_auth == "off":
        _log.warning(
            "everyone who reaches this port may change everything: no API keys are required",
            remedy="CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required",
        )
