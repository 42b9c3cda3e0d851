"""What a gateway process owns, opened in order and closed in reverse."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from services.gateway import metrics
from services.gateway.auth.authenticator import Authenticator
from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.chargers.chargers import Chargers
from services.gateway.chargers.reading_traces import ReadingTraces
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.endpoint import Endpoint
from services.gateway.connection.handshake import Handshake
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.drain import drain
from services.gateway.entrance.entrance import Entrance
from services.gateway.entrance.revocation import Revocation
from services.gateway.kernel import raise_file_limit
from services.gateway.limits.per_id import LimitsPerId
from services.gateway.ocpp_chargers.commands import OperatorCommands
from services.gateway.ocpp_chargers.ocpp_endpoint import with_ocpp
from services.gateway.ocpp_chargers.records import Records
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.presence import Presence, Times
from services.gateway.presence.refused_handshakes import RefusedWriter
from services.gateway.presence.rejections import Rejections, RejectionWriter
from services.gateway.proof_watch import ProofWatch
from services.gateway.redis_check import agreement_of, rights_of
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.status_traces import StatusTraces
from services.gateway.widgets.widget_connection import widget_endpoint
from services.gateway.widgets.widgets import Widgets
from services.gateway.workers import parent
from shared.bus.echo import Echo
from shared.bus.factory import COMMANDS, open_bus, open_check, open_subscriber
from shared.contract.devices import Kind
from shared.contract.instances import Figures
from shared.contract.names import Names, echo_channel
from shared.process import health, logs
from shared.process.listeners import open_listeners
from shared.process.metrics import service
from shared.process.metrics.loop_delay import watch_loop
from shared.process.metrics.readiness import NotReady, Reason, text_of
from shared.process.runtime import Background, describe
from shared.process.tls.files import TlsFilesError
from shared.process.tls.server_tls import ServerTls
from shared.process.traces.opening import open_tracing
from shared.process.waiting import Stop, unless_stopped, wait_for_event
from shared.reporting.reporter import Reporter

if TYPE_CHECKING:
    from shared.bus.refusals.redis_check import RedisCheck
    from shared.process.traces.tracing import Tracing

_log = logs.get(__name__)

_BACKLOG: Final = 4096
"""Connections the kernel queues: with the usual 100 a reconnecting herd waits for seconds."""
_BEHIND_SECONDS: Final = 1.0
"""Readings that have waited for longer to be stored are told to those who look at the hub."""

_TOO_FEW_REPLICAS: Final = (
    "readings are not acknowledged: fewer replicas of redis have them than "
    "CHARGELIGHT_REDIS_WAIT_REPLICAS={}"
)


async def serve(settings: GatewaySettings, stop: Stop) -> None:
    """Run a gateway until ``stop`` is set, then drain it; in several processes if set so."""
    if settings.processes > 1:
        await parent.serve(settings, stop)
    else:
        await serve_devices(settings, stop, stop.again)


async def serve_devices(
    settings: GatewaySettings,
    stop: asyncio.Event,
    skip: asyncio.Event,
    health_listener: socket.socket | None = None,
) -> None:
    """Run a gateway in this process until ``stop`` is set, then leave and drain it.

    To leave is to wait while load balancers still send devices; ``skip`` ends that. Health
    requests come to ``health_listener``, or else to the health port.
    """
    gateway = Gateway(settings)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        await stack.enter_async_context(
            health.listening(
                settings.listen_address("health_port"),
                gateway.not_ready_because,
                gateway.not_accepting_because,
                allowed_hosts=settings.allowed_hosts,
                listener=health_listener,
            )
        )
        gateway.open(stack)
        await unless_stopped(stop, gateway.check.wait_and_agree())
        if stop.is_set():
            return
        background = Background(group)
        stack.push_async_callback(gateway.reporter.leave)
        stack.push_async_callback(gateway.presence.leave)
        stack.push_async_callback(background.stop)
        gateway.start(background)
        servers = await gateway.listen()
        _log.info("serving", **describe(settings))
        await stop.wait()
        gateway.stopping = True
        if settings.leave_seconds:
            _log.info("leaving", connections=len(gateway.context.connections))
            await wait_for_event(skip, settings.leave_seconds)
        _log.info("draining", connections=len(gateway.context.connections))
        gateway.context.draining = True
        for server in servers:
            server.close()
        await drain(gateway.context, gateway.chargers, settings.drain_seconds)


class Gateway:
    """The parts of a gateway and how they are joined."""

    def __init__(self, settings: GatewaySettings, times: Times | None = None) -> None:
        self._settings = settings
        rng = random.SystemRandom()
        self._listening = False
        self.stopping = False
        """Whether it leaves or drains."""
        self._names = names = Names(settings.partitions)
        own = settings.instance_id
        self.bus = bus = open_bus(settings, own)
        # Connections of their own: no reading waits for a crowd of handshakes, or for presence.
        self._authenticator_bus = open_bus(settings, own, "authenticator")
        self.presence_bus = open_bus(settings, own, "presence")
        most_sockets = raise_file_limit(
            settings.max_connections + settings.max_handshakes + settings.max_waiting_handshakes
        )
        self.context = context = ConnectionContext(settings, rng=rng, most_sockets=most_sockets)
        self.subscriber = open_subscriber(settings, own, rng)
        trust = DirectoryTrust()
        # First: later callbacks read the directory of a Redis that has just come back.
        bus.on_reconnected(trust.distrust_missing_entries)
        self.echo = Echo(bus, self.subscriber, echo_channel(own))
        self.connected_chargers = chargers = ConnectedDevices()
        self.connected_widgets = widgets = ConnectedDevices()
        self.chargers = Chargers(bus, names, context, devices=chargers, trust=trust, rng=rng)
        self.records = Records(bus, self.presence_bus, names, context.clock, rng)
        self.commands = self._open_commands(settings, rng)
        self.widgets = Widgets(
            bus, self.subscriber, names, context, devices=widgets, trust=trust, rng=rng
        )
        self.watch = DirectoryWatch(
            bus,
            names,
            chargers=self._on_chargers_changed,
            widgets=self._on_widgets_changed,
            on_replica=lambda: self.subscriber.drop_connection("it leads to a replica"),
            rng=rng,
        )
        self.presence = Presence(
            self.presence_bus, names, chargers, widgets, own, rng=rng, times=times or Times()
        )
        self._rejections = Rejections()
        self._rejection_writer = RejectionWriter(
            self.presence_bus, names, self._rejections, own, rng=rng
        )
        self._trace(open_tracing(settings))
        self._know_devices(settings, rng)
        self.check = self._open_check(settings, rng)
        self.reporter = self._open_reporter(rng)
        # Subscribe first, then look up: so no change of an entry is missed.
        self.subscriber.subscribe(self.watch.channels, self.watch)

    def _trace(self, tracing: "Tracing | None") -> None:
        self._tracing = tracing
        if tracing is not None:
            self.chargers.traced_by(ReadingTraces(tracing, self.context.clock))
            self.widgets.traces = StatusTraces(tracing)

    def _open_commands(self, settings: GatewaySettings, rng: random.Random) -> OperatorCommands:
        # It connects when the first charger comes that speaks OCPP.
        heard = open_subscriber(settings, settings.instance_id, rng, COMMANDS)
        return OperatorCommands(self.presence_bus, heard, self._names, self.context.clock, rng)

    def _open_check(self, settings: GatewaySettings, rng: random.Random) -> "RedisCheck":
        connections = (self.bus, self.subscriber, self._authenticator_bus, self.presence_bus)
        rights, agreement = rights_of(settings), agreement_of(settings)
        return open_check(settings, rights, agreement, connections, rng)

    def _open_reporter(self, rng: random.Random) -> Reporter:
        return Reporter(
            bus=self.check.bus,
            service=self._settings.service,
            instance_id=self._settings.instance_id,
            not_ready_because=self.not_ready_because,
            figures=self._figures,
            rng=rng,
        )

    def _know_devices(self, settings: GatewaySettings, rng: random.Random) -> None:
        self._tls = _tls_of(settings)
        self._authenticator = Authenticator(
            self._authenticator_bus,
            self._names,
            mode=settings.device_auth,
            keys=settings.credential_keys,
            rng=rng,
            has_ca_per_kind=settings.has_ca_per_kind,
        )
        self._proof_watch = ProofWatch(self._authenticator_bus, self.context, rng)
        for tls in self._tls.values():
            tls.on_changed(self._note_cas)

        self._show_metrics()

    def _show_metrics(self) -> None:
        """Have each scrape ask for what is not counted."""
        context, chargers = self.context, self.chargers
        service.READINESS.follow(self.not_ready)
        metrics.CONNECTIONS_MAX.set(self._settings.max_connections)
        metrics.ACCEPTING.set_function(lambda: float(self.not_accepting_because() is None))
        metrics.DRAINING.set_function(lambda: float(self.stopping))
        metrics.CONNECTIONS_WAITING.set_function(lambda: float(len(context.waiting)))
        metrics.UNSTORED.set_function(lambda: float(chargers.unstored))
        metrics.UNSTORED_OLDEST.set_function(lambda: chargers.unstored_seconds)
        metrics.SEND_BUFFER.set_function(
            lambda: float(sum(each.send_buffer_bytes for each in context.connections))
        )

    def open(self, stack: AsyncExitStack) -> None:
        """Let ``stack`` close the connections to Redis. They open at their first use."""
        if self._tracing is not None:
            stack.push_async_callback(self._tracing.close)
        for bus in (self.bus, self._authenticator_bus, self.presence_bus, self.check.bus):
            stack.push_async_callback(bus.close)

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        background.start(self.check.run(), "check redis")
        background.start(watch_loop(), "watch the event loop")
        background.start(self.context.wheel.run(), "timers")
        background.start(self.context.pauses.run(), "pauses of fast devices")
        background.start(self.chargers.write(), "store readings")
        background.start(self.chargers.reconcile(), "reconcile readings")
        background.start(self.records.keep(), "keep transactions")
        background.start(self.records.tell_news(), "tell of chargers")
        background.start(self.commands.hear(), "hear commands")
        background.start(self.commands.run(), "send commands")
        if self.chargers.replication is not None:
            background.start(self.chargers.replication.acknowledge(), "wait for replicas")
        background.start(self.widgets.read(), "read statuses")
        background.start(self.widgets.latency.keep(), "measure redis' clocks")
        background.start(self.watch.compare(), "watch directory")
        background.start(self._authenticator.run(), "check credentials")
        background.start(self._proof_watch.run(), "watch secrets")
        background.start(self.presence.keep(), "keep presence")
        background.start(self._rejection_writer.write(), "write rejections")
        background.start(self._write_refused(), "write refused handshakes")
        background.start(self.subscriber.run(), "hear doorbells")
        background.start(self.echo.call(), "hear itself")
        background.start(self.reporter.run(), "report")
        self._start_tls(background)

    def _start_tls(self, background: Background) -> None:
        for kind, tls in self._tls.items():
            background.start(tls.watch(), f"watch certificates of the {kind.value} port")
            if tls.files.revoked is not None:
                revocation = Revocation(self.context, tls.files.revoked.path)
                tls.on_changed(revocation.on_changed)
                background.start(revocation.run(), f"close revoked {kind.value}s")

    def _note_cas(self) -> None:
        # The other port's file may be written at this moment: then it changes in a moment.
        with suppress(TlsFilesError):
            self._authenticator.has_ca_per_kind = self._settings.has_ca_per_kind

    def _on_chargers_changed(self, partition: int, ids: list[str]) -> None:
        self.chargers.on_directory_change(partition, ids)
        self.records.on_directory_change(partition, ids)
        self._proof_watch.on_change(self._names.chargers[partition], ids)

    def _on_widgets_changed(self, partition: int, ids: list[str]) -> None:
        self.widgets.on_directory_change(partition, ids)
        self._proof_watch.on_change(self._names.widgets[partition], ids)

    async def _write_refused(self) -> None:
        refused, own = self._rejections.refused, self._settings.instance_id
        await RefusedWriter(self.presence_bus, refused, own, self.context.rng).write()

    async def listen(self) -> list[asyncio.Server | Entrance]:
        """Open the two ports.

        Raises:
            OSError: A port is taken, or the address is not ours.
        """
        settings, auth = self._settings, self._authenticator
        native = charger_endpoint(
            self.chargers,
            settings.partitions,
            self._rejections,
            auth.authenticate_charger,
            LimitsPerId.of(settings, Kind.CHARGER),
        )
        chargers = with_ocpp(
            native,
            self.chargers,
            settings.partitions,
            self.records,
            self.commands,
            needs_subprotocol=not settings.ocpp_without_subprotocol,
        )
        asks_widgets = settings.device_auth != "off"
        widgets = widget_endpoint(
            self.widgets,
            self._rejections,
            auth.authenticate_widget if asks_widgets else None,
            LimitsPerId.of(settings, Kind.WIDGET),
        )
        servers = [
            await self._serve(endpoint, listener, self._tls.get(kind))
            for kind, endpoint in ((Kind.CHARGER, chargers), (Kind.WIDGET, widgets))
            for listener in await open_listeners(
                settings.listen_address(f"{kind.value}_port"), reuse_port=settings.reuse_port
            )
        ]
        self._listening = True
        return servers

    async def _serve(
        self, endpoint: Endpoint, listener: socket.socket, tls: ServerTls | None
    ) -> asyncio.Server | Entrance:
        context, proxies = self.context, self._settings.proxies
        if tls is None and not proxies:
            loop = asyncio.get_running_loop()
            handshake = partial(Handshake, context, endpoint)
            return await loop.create_server(handshake, sock=listener, backlog=_BACKLOG)
        listener.listen(_BACKLOG)
        entrance = Entrance(context, endpoint, listener, tls, proxies)
        entrance.open()
        return entrance

    def _figures(self) -> Figures:
        # Each reading waits for a moment: that is no news.
        is_behind = self.chargers.unstored_seconds > _BEHIND_SECONDS
        return Figures(
            connections=len(self.context.connections),
            connections_max=self._settings.max_connections,
            waiting=len(self.context.waiting),
            unstored=self.chargers.unstored if is_behind else 0,
        )

    def not_accepting_because(self) -> str | None:
        """Return why no device should be sent here, or None."""
        if self.stopping:
            return "stopping"
        return None if self._listening else "not listening yet"

    def not_ready_because(self) -> str | None:
        """Return what ``/readyz`` says."""
        return text_of(self.not_ready())

    def not_ready(self) -> NotReady | None:
        """Return why devices would not get their lights here, or None."""
        if self.stopping:
            return NotReady(Reason.STOPPING, "stopping")
        if (refused := self.check.not_ready_because) is not None:
            return NotReady(Reason.REDIS_REFUSES, refused)
        if not self.bus.connected or not self.subscriber.connected:
            away = f"no connection to redis{self.check.away_because}"
            return NotReady(Reason.REDIS_AWAY, away)
        if not self.echo.comes_back:
            return NotReady(Reason.REDIS_UNHEARD, health.UNHEARD)
        if not self.watch.complete:
            missing = "the directory is not there (is the registry running?)"
            return NotReady(Reason.DIRECTORY, missing)
        return self._lacks_replicas()

    def _lacks_replicas(self) -> NotReady | None:
        replication = self.chargers.replication
        if replication is None or replication.lacking_since is None:
            return None
        return NotReady(Reason.REPLICAS, _TOO_FEW_REPLICAS.format(replication.enough))


def _tls_of(settings: GatewaySettings) -> dict[Kind, ServerTls]:
    """Return the TLS of each port that has it."""
    files = {kind: settings.tls_files(kind) for kind in Kind}
    return {kind: ServerTls(each) for kind, each in files.items() if each is not None}
