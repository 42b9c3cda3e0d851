"""What a gateway process owns, opened in order and closed in reverse."""

import asyncio
import random
import socket
import time
from typing import Final

from services.gateway.auth.authenticator import Authenticator
from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.chargers import Chargers
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import Connection
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.directory_watch import DirectoryWatch
from services.gateway.drain import drain
from services.gateway.kernel import room_for
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.presence.presence import Presence, Times
from services.gateway.presence.rejections import RejectionWriter
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import WidgetConnection
from services.gateway.widgets.widgets import Widgets
from services.gateway.workers import parent
from shared.bus.config_agreement import wait_and_agree
from shared.bus.echo import Echo
from shared.bus.factory import open_bus, open_subscriber
from shared.contract.credentials import KEY_AGREEMENT, fingerprint_of
from shared.contract.names import Names, echo_channel
from shared.process import health, logs
from shared.process.runtime import Background, describe, unless_stopped

_log = logs.get(__name__)

_BACKLOG: Final = 4096
"""Connections the kernel queues: with the usual 100 a reconnecting herd waits for seconds."""
_REFUSED_AT_ONCE: Final = 1000
"""Connections beyond the most allowed that may be at their handshake to hear a 503."""


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Run a gateway until ``stop`` is set, then drain it; in several processes if so set."""
    if settings.processes > 1:
        await parent.serve(settings, stop)
    else:
        await serve_devices(settings, stop)


async def serve_devices(
    settings: GatewaySettings, stop: asyncio.Event, health_listener: socket.socket | None = None
) -> None:
    """Run a gateway in this process until ``stop`` is set, then drain it.

    Args:
        settings: Of this process.
        stop: Set when it should end.
        health_listener: A socket for health requests, in place of the health port.
    """
    gateway = Gateway(settings)
    async with (
        asyncio.TaskGroup() as group,
        health.listening(
            settings.host,
            settings.health_port,
            gateway.not_ready_because,
            gateway.not_accepting_because,
            listener=health_listener,
        ),
    ):
        if not await unless_stopped(stop, gateway.agree()):
            return
        background = Background(group)
        gateway.start(background)
        servers = await gateway.listen()
        _log.info("serving", **describe(settings))
        await stop.wait()
        _log.info("draining", connections=len(gateway.gate.connections))
        gateway.gate.draining = True
        for server in servers:
            server.close()
        await drain(gateway.gate, gateway.chargers, settings.drain_seconds)
        await background.stop()
        await gateway.presence.leave()
        await gateway.presence_bus.close()
        await gateway.doorkeeper_bus.close()
        await gateway.bus.close()


class Gateway:
    """The parts of a gateway and how they are joined.

    Args:
        settings: Of this process.
        times: How often it says that it is alive, and when others count as dead.
    """

    def __init__(self, settings: GatewaySettings, times: Times | None = None) -> None:
        rng = random.SystemRandom()
        self._settings = settings
        self._rng = rng
        self._listening = False
        self._names = Names(settings.partitions)
        self.bus = open_bus(settings, settings.instance_id)
        self.gate = ConnectionContext(settings, TimerWheel(time.monotonic), time.monotonic, rng=rng)
        # Some beyond those that are served, so that they can be refused politely.
        self.gate.most_sockets = room_for(settings.max_connections + _REFUSED_AT_ONCE)
        self.subscriber = open_subscriber(settings, f"{settings.instance_id}-doorbells", rng)
        trust = DirectoryTrust()
        # First: the callbacks after it read the directory of a Redis that has just come back.
        self.bus.on_reconnected(trust.distrust_missing_entries)
        self.echo = Echo(self.bus, self.subscriber, echo_channel(settings.instance_id))
        self.connected_chargers = ConnectedDevices()
        self.connected_widgets = ConnectedDevices()
        self.chargers = Chargers(
            self.bus,
            self._names,
            self.gate,
            devices=self.connected_chargers,
            trust=trust,
            rng=rng,
        )
        self.widgets = Widgets(
            self.bus,
            self.subscriber,
            self._names,
            self.gate,
            devices=self.connected_widgets,
            trust=trust,
            rng=rng,
        )
        self.watch = DirectoryWatch(
            self.bus,
            self._names,
            chargers=self.chargers.on_directory_change,
            widgets=self.widgets.on_directory_change,
            on_replica=lambda: self.subscriber.drop_connection("it leads to a replica"),
            rng=rng,
        )
        # A connection of its own: no reading waits for a crowd at the door.
        self.doorkeeper_bus = open_bus(settings, f"{settings.instance_id}-doorkeeper")
        if settings.device_auth != "off":
            self.gate.doorkeeper = Authenticator(
                self.doorkeeper_bus,
                self._names,
                mode=settings.device_auth,
                key=settings.credential_key,
                rng=rng,
            )
        # A connection of its own: no reading waits for who is where.
        self.presence_bus = open_bus(settings, f"{settings.instance_id}-presence")
        self.presence = Presence(
            self.presence_bus,
            self._names,
            self.connected_chargers,
            self.connected_widgets,
            settings.instance_id,
            rng=rng,
            times=times or Times(),
        )
        self._rejections = RejectionWriter(
            self.presence_bus, self._names, self.gate.rejections, settings.instance_id, rng=rng
        )
        # Listen first, then look up: whatever is looked up from now on, its changes
        # are heard.
        self.subscriber.subscribe(self.watch.channels, self.watch)

    async def agree(self) -> None:
        """Wait for Redis and compare settings with the running system."""
        own = {"CHARGELIGHT_PARTITIONS": str(self._settings.partitions)}
        if self._settings.device_auth != "off":
            key = self._settings.credential_key.get_secret_value()
            own[KEY_AGREEMENT] = fingerprint_of(key)
        await wait_and_agree(self.bus, own, self._rng)

    def start(self, background: Background) -> None:
        """Start everything that goes on behind the connections."""
        background.start(self.gate.wheel.run(), "timers")
        background.start(self.gate.resting.run(), "rests of fast devices")
        background.start(self.chargers.write(), "store readings")
        background.start(self.chargers.reconcile(), "reconcile readings")
        background.start(self.widgets.read(), "read statuses")
        background.start(self.watch.compare(), "watch directory")
        if self.gate.doorkeeper is not None:
            background.start(self.gate.doorkeeper.run(), "check credentials")
        background.start(self.presence.keep(), "keep presence")
        background.start(self._rejections.write(), "write rejections")
        background.start(self.subscriber.run(), "hear doorbells")
        background.start(self.echo.call(), "hear itself")

    async def listen(self) -> list[asyncio.Server]:
        """Open the two ports.

        Raises:
            OSError: A port is taken.
        """

        def charger() -> Connection:
            return ChargerConnection(self.gate, self.chargers, self._names.partitions)

        def widget() -> Connection:
            return WidgetConnection(self.gate, self.widgets)

        settings = self._settings
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(
                factory,
                settings.host,
                port,
                backlog=_BACKLOG,
                reuse_port=settings.reuse_port or None,
            )
            for factory, port in ((charger, settings.charger_port), (widget, settings.widget_port))
        ]
        self._listening = True
        return servers

    def not_accepting_because(self) -> str | None:
        """Return why no device should be sent here, or None."""
        if self.gate.draining:
            return "stopping"
        return None if self._listening else "not listening yet"

    def not_ready_because(self) -> str | None:
        """Return why devices would not get their lights here, or None."""
        if self.gate.draining:
            return "stopping"
        if not self.bus.connected or not self.subscriber.connected:
            return "no connection to redis"
        if not self.echo.comes_back:
            return health.UNHEARD
        return (
            None if self.watch.complete else "the directory is not there (is the registry running?)"
        )
