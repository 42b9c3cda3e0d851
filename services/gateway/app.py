"""What a gateway process owns, opened in order and closed in reverse."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from services.gateway.auth.authenticator import Authenticator
from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.chargers.chargers import Chargers
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.handshake import Handshake
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.drain import drain
from services.gateway.kernel import raise_file_limit
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.presence import Presence, Times
from services.gateway.presence.rejections import Rejections, RejectionWriter
from services.gateway.redis_check import RIGHTS, agreement_of
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import widget_endpoint
from services.gateway.widgets.widgets import Widgets
from services.gateway.workers import parent
from shared.bus.echo import Echo
from shared.bus.factory import open_bus, open_check, open_subscriber
from shared.contract.names import Names, echo_channel
from shared.process import health, logs
from shared.process.runtime import Background, describe
from shared.process.waiting import unless_stopped

_log = logs.get(__name__)

_BACKLOG: Final = 4096
"""Connections the kernel queues: with the usual 100 a reconnecting herd waits for seconds."""
_REFUSED_AT_ONCE: Final = 1000
"""Connections over the limit that are kept open for as long as it takes to send a 503."""


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Run a gateway until ``stop`` is set, then drain it; in several processes if set so."""
    if settings.processes > 1:
        await parent.serve(settings, stop)
    else:
        await serve_devices(settings, stop)


async def serve_devices(
    settings: GatewaySettings, stop: asyncio.Event, health_listener: socket.socket | None = None
) -> None:
    """Run a gateway in this process until ``stop`` is set, then drain it.

    Health requests come to ``health_listener``, or else to the health port.
    """
    gateway = Gateway(settings)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        await stack.enter_async_context(
            health.listening(
                settings.host,
                settings.health_port,
                gateway.not_ready_because,
                gateway.not_accepting_because,
                listener=health_listener,
            )
        )
        gateway.open(stack)
        await unless_stopped(stop, gateway.check.wait_and_agree())
        if stop.is_set():
            return
        background = Background(group)
        stack.push_async_callback(gateway.presence.leave)
        stack.push_async_callback(background.stop)
        gateway.start(background)
        servers = await gateway.listen()
        _log.info("serving", **describe(settings))
        await stop.wait()
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
        names, own = Names(settings.partitions), settings.instance_id
        self.bus = bus = open_bus(settings, own)
        # Connections of their own: no reading waits for a crowd of handshakes, or for presence.
        self._authenticator_bus = open_bus(settings, f"{own}-authenticator")
        self.presence_bus = open_bus(settings, f"{own}-presence")
        # Some more than are served, so that these get a 503.
        most_sockets = raise_file_limit(settings.max_connections + _REFUSED_AT_ONCE)
        self.context = context = ConnectionContext(settings, rng=rng, most_sockets=most_sockets)
        self.subscriber = open_subscriber(settings, f"{own}-doorbells", rng)
        trust = DirectoryTrust()
        # First: later callbacks read the directory of a Redis that has just come back.
        bus.on_reconnected(trust.distrust_missing_entries)
        self.echo = Echo(bus, self.subscriber, echo_channel(own))
        self.connected_chargers = chargers = ConnectedDevices()
        self.connected_widgets = widgets = ConnectedDevices()
        self.chargers = Chargers(bus, names, context, devices=chargers, trust=trust, rng=rng)
        self.widgets = Widgets(
            bus, self.subscriber, names, context, devices=widgets, trust=trust, rng=rng
        )
        self.watch = DirectoryWatch(
            bus,
            names,
            chargers=self.chargers.on_directory_change,
            widgets=self.widgets.on_directory_change,
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
        self._authenticator = Authenticator(
            self._authenticator_bus,
            names,
            mode=settings.device_auth,
            key=settings.credential_key,
            rng=rng,
        )
        connections = (bus, self.subscriber, self._authenticator_bus, self.presence_bus)
        self.check = open_check(settings, RIGHTS, agreement_of(settings), connections, rng)
        # Subscribe first, then look up: so no change of an entry is missed.
        self.subscriber.subscribe(self.watch.channels, self.watch)

    def open(self, stack: AsyncExitStack) -> None:
        """Let ``stack`` close the connections to Redis. They open at their first use."""
        for bus in (self.bus, self._authenticator_bus, self.presence_bus, self.check.bus):
            stack.push_async_callback(bus.close)

    def start(self, background: Background) -> None:
        """Start the endless tasks."""
        background.start(self.check.run(), "check redis")
        background.start(self.context.wheel.run(), "timers")
        background.start(self.context.pauses.run(), "pauses of fast devices")
        background.start(self.chargers.write(), "store readings")
        background.start(self.chargers.reconcile(), "reconcile readings")
        background.start(self.widgets.read(), "read statuses")
        background.start(self.watch.compare(), "watch directory")
        background.start(self._authenticator.run(), "check credentials")
        background.start(self.presence.keep(), "keep presence")
        background.start(self._rejection_writer.write(), "write rejections")
        background.start(self.subscriber.run(), "hear doorbells")
        background.start(self.echo.call(), "hear itself")

    async def listen(self) -> list[asyncio.Server]:
        """Open the two ports.

        Raises:
            OSError: A port is taken.
        """
        settings, auth = self._settings, self._authenticator
        chargers = charger_endpoint(
            self.chargers,
            settings.partitions,
            self._rejections,
            auth.authenticate_charger,
        )
        asks_widgets = settings.device_auth != "off"
        widgets = widget_endpoint(
            self.widgets, self._rejections, auth.authenticate_widget if asks_widgets else None
        )
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(
                partial(Handshake, self.context, endpoint),
                settings.host,
                port,
                backlog=_BACKLOG,
                reuse_port=settings.reuse_port or None,
            )
            for endpoint, port in (
                (chargers, settings.charger_port),
                (widgets, settings.widget_port),
            )
        ]
        self._listening = True
        return servers

    def not_accepting_because(self) -> str | None:
        """Return why no device should be sent here, or None."""
        if self.context.draining:
            return "stopping"
        return None if self._listening else "not listening yet"

    def not_ready_because(self) -> str | None:
        """Return why devices would not get their lights here, or None."""
        if self.context.draining:
            return "stopping"
        if (refused := self.check.not_ready_because) is not None:
            return refused
        if not self.bus.connected or not self.subscriber.connected:
            return f"no connection to redis{self.check.away_because}"
        if not self.echo.comes_back:
            return health.UNHEARD
        return (
            None if self.watch.complete else "the directory is not there (is the registry running?)"
        )
