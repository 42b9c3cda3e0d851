"""The whole hub in one place: two gateways, two routers, two registries, and their devices."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from redis.exceptions import ResponseError

from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.presence.rejections import Rejections
from services.registry.directory import snapshot
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names
from tests.model.devices import ChargerLine, WidgetLine
from tests.model.link import StepSubscriber
from tests.model.postgres import Postgres, Tables
from tests.model.processes import GatewayProcess, Process, RegistryProcess, RouterProcess
from tests.model.promise import FUTURE, Promise
from tests.model.server import Message, Server, Snapshot


class Loss(Enum):
    QUIETLY_EMPTIED = auto()
    """Everything, and no connection."""
    EMPTIED = auto()
    """Everything, as when it is restarted without its data."""
    PROMOTED = auto()
    """What the replica did not have yet."""
    CHARGERS = auto()
    """The same, but only of chargers: with Redis Cluster, each server has its own replica."""
    WIDGETS = auto()
    """The same, but only of widgets."""


_EVERYTHING = (Loss.QUIETLY_EMPTIED, Loss.EMPTIED)
_MOST_ROUNDS = 12
_ROUND_SECONDS = 6.0
"""Longer than a gateway waits for anything: for a reading that is certain before it asks a
charger for its level again, or for the end of its doubts about the directory."""


class World:
    """Everything there is, and every step that it can take."""

    def __init__(self, server: Server, partitions: int, chargers: int, widgets: int) -> None:
        self.chargers = tuple(f"c{number + 1}" for number in range(chargers))
        self.widgets = tuple(f"w{number + 1}" for number in range(widgets))
        self.server = server
        self.clocks = server.clocks
        self.names = Names(partitions)
        self.postgres = Postgres(self.clocks, self._next_moment)
        self.promise = Promise(server, self.names, self.postgres)
        self._ghosts: list[Call] = []
        self._asked: list[ChargerLine] = []
        self._is_suspect = False
        self._faults_at_rest = 0
        self.went_back = False
        """Whether Postgres did, since the last rest."""
        self.kept: Snapshot | None = None
        self.backup: Tables | None = None
        self.gateways = [self._gateway() for _ in range(2)]
        self.routers = [self._router() for _ in range(2)]
        snapshot.take = self.postgres.take  # type: ignore[assignment]
        self.registries = [self._registry() for _ in range(2)]

    def _next_moment(self) -> int:
        return self.promise.next_moment()

    def _gateway(self) -> GatewayProcess:
        return GatewayProcess(self.server, self.names, self._ran)

    def _router(self) -> RouterProcess:
        router = RouterProcess(self.server, self.names, self._ran)
        if self._is_suspect:
            router.audit()
        return router

    def _registry(self) -> RegistryProcess:
        return RegistryProcess(self.server, self.names, self._ran, self.postgres)

    def close(self) -> None:
        for process in self.processes:
            process.stop()

    @property
    def processes(self) -> list[Process]:
        """The gateways, routers and registries, and then what gateways do beside it."""
        beside = [gateway.authentication for gateway in self.gateways]
        return [*self.gateways, *self.routers, *self.registries, *beside]

    @property
    def links(self) -> list[StepSubscriber]:
        """The subscribing connections of those that can hear."""
        gateways = [each.link for each in self.gateways if not each.stands_still]
        return gateways + [router.link for router in self.routers]

    @property
    def charger_lines(self) -> list[ChargerLine]:
        return [line for line in self.promise.charger_lines if not line.is_gone]

    @property
    def widget_lines(self) -> list[WidgetLine]:
        return [line for line in self.promise.widget_lines if not line.is_gone]

    @property
    def lines(self) -> list[ChargerLine | WidgetLine]:
        return [*self.charger_lines, *self.widget_lines]

    # Redis.

    def _ran(self, call: Call, run: Any) -> Any:
        reply, messages = self.promise.ran(call, run)
        self._publish(messages)
        return reply

    def _publish(self, messages: list[Message]) -> None:
        for message in messages:
            for gateway in self.gateways:
                gateway.link.published(message)
            for router in self.routers:
                router.link.published(message)

    def cut(self, process: Process) -> None:
        """A process loses its connection; what it had sent may still be on its way."""
        left = process.cut()
        if not isinstance(process, RegistryProcess):
            self._ghosts += left
        self.after()

    @property
    def has_ghosts(self) -> bool:
        return bool(self._ghosts)

    def run_ghost(self, number: int) -> None:
        """Redis finds what was sent long ago."""
        call = self._ghosts.pop(number % len(self._ghosts))
        try:
            self._ran(call, lambda: self.server.run(call))
        except ResponseError:
            return  # nobody hears it

    def kill(self, number: int) -> None:
        """A gateway or a router is killed, and another one takes its place."""
        process = [*self.gateways, *self.routers][number]
        self._ghosts += process.cut()
        process.stop()
        if isinstance(process, GatewayProcess):
            process.authentication.stop()
            for line in self.lines:
                line.is_gone |= line.context is process.context
            self.gateways[self.gateways.index(process)] = self._gateway()
        elif isinstance(process, RouterProcess):
            self.routers[self.routers.index(process)] = self._router()

    def lose(self, how: Loss) -> None:
        """Redis loses everything, or what it was told last."""
        if self.went_back:
            return
        kept = Snapshot({}) if self.kept is None or how in _EVERYTHING else self.kept
        if how is Loss.CHARGERS or how is Loss.WIDGETS:
            now = self.server.snapshot().values
            tag = b"{p" if how is Loss.CHARGERS else b"{w"
            values = {k: v for k, v in now.items() if tag not in k}
            values |= {k: v for k, v in kept.values.items() if tag in k}
            kept = Snapshot(values)
        self.server.restore(kept)
        self.promise.lost()
        if how is Loss.QUIETLY_EMPTIED:
            return
        for process in self.processes:
            process.cut()
        self._ghosts.clear()
        for gateway in self.gateways:
            gateway.link.break_off()
        for router in self.routers:
            router.link.break_off()
        self.after()

    def suspect(self) -> None:
        """Values may be wrong from now on: the routers' audits come to them, sooner or later."""
        self._is_suspect = True
        for router in self.routers:
            router.audit()
        self.promise.lost()

    def project_all_soon(self) -> None:
        """Let it be time for registries to project everything, as it is every few minutes."""
        for registry in self.registries:
            registry.projector._full_due = 0.0

    # Clocks, and gateways that stand still.

    def step_clock(self, step: Callable[[float], None], seconds: float) -> None:
        """Move a wall clock."""
        step(seconds)
        self.promise.stepped_at = self.promise.next_moment()

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.clocks.let_pass(seconds)
        for process in self.processes:
            process.on_time()
        self.after()

    def stop_or_go_on(self, number: int, *, timers_first: bool) -> None:
        """A gateway begins to stand still, or does so no longer."""
        gateway = self.gateways[number]
        gateway.stands_still = not gateway.stands_still
        if timers_first:
            gateway.on_time()
        self.after()
        gateway.on_time()

    # Devices.

    def connect_charger(
        self, charger: str, gateway: GatewayProcess, level_in_haste: int | None = None
    ) -> ChargerLine:
        """A charger connects; one in haste sends its level without waiting for the answer."""
        line = ChargerLine(
            charger,
            gateway.context,
            charger_endpoint(
                gateway.chargers,
                self.names.partitions,
                Rejections(),
                gateway.authentication.authenticator.authenticate_charger,
            ),
            self.promise.receipt,
            self._asked.append,
        )
        self.promise.charger_lines.append(line)
        line.connect()
        if level_in_haste is not None:
            line.report(level_in_haste, self.promise.next_moment())
        self.after()
        return line

    def connect_widget(self, widget: str, gateway: GatewayProcess) -> None:
        line = WidgetLine(
            widget, gateway.context, gateway.widgets, self._in_effect(widget), self.promise.shown
        )
        self.promise.widget_lines.append(line)
        line.connect()
        self.after()

    def report(self, line: ChargerLine, level: int) -> None:
        if line.is_open:
            line.report(level, self.promise.next_moment())
            self.after()

    def begin_report(self, line: ChargerLine, level: int) -> None:
        """A charger sends the first fragment of a reading."""
        if line.is_open:
            line.begin(level, self.promise.next_moment())
            self.after()

    def vanish(self, line: ChargerLine | WidgetLine) -> None:
        with self._gateway_of(line).running():
            line.vanish()
        self.after()

    def say_again(self, gateway: GatewayProcess) -> None:
        """The chargers that were asked for their level connect again and say it."""
        asked, self._asked = self._asked, []
        for line in asked:
            if line.readings and line.charger not in {one.charger for one in self.charger_lines}:
                again = self.connect_charger(line.charger, gateway)
                if again.is_open:
                    self.report(again, line.readings[-1].level)
                elif not again.is_gone:
                    self._asked.append(line)

    def _in_effect(self, widget: str) -> int:
        entry = self.promise.decoded(self.names.of_widget(widget).directory, widget)
        number = entry.get("pairing", 0)
        return number if isinstance(number, int) and number < FUTURE else 0

    # The operator.

    def pair(self, charger: str, widget: str) -> None:
        if self.postgres.charger_of(widget) == charger:
            return
        self.postgres.pair(charger, widget)
        self._ring()

    def unregister(self, kind: Kind, device: str) -> None:
        self.postgres.unregister(kind, device)
        self._ring()

    def register(self, kind: Kind, device: str) -> None:
        self.postgres.register(kind, device)
        self._ring()

    def _ring(self) -> None:
        for registry in self.registries:
            registry.projector.request_projection()

    def back_up(self) -> None:
        """Postgres' tables are copied."""
        self.backup = self.postgres.tables.copy()

    def go_back(self, *, with_numbers: bool) -> None:
        """Postgres becomes as it was at the last backup; with it, or not, the sequence.

        Not while Redis has lost something: then nobody but gateways knows which numbers were
        drawn, and a lower number changes nothing there. The operator is told to restart them.
        """
        if self.backup is None or self.promise.faults != self._faults_at_rest:
            return
        self.went_back = True
        self.postgres.tables = self.backup.copy()
        if with_numbers:
            self.postgres.number = self.postgres.greatest()
        for registry in self.registries:
            registry.projector.request_full_projection()  # it has lost its connection

    # What follows from a step by itself.

    def after(self) -> None:
        """Let processes go on, and bytes arrive that nothing holds up."""
        moved = True
        while moved:
            for process in self.processes:
                process.go_on()
            moved = False
            for line in self.lines:
                if not line.is_slow:
                    moved |= self.let_arrive(line)

    def let_arrive(self, line: ChargerLine | WidgetLine) -> bool:
        """Let one piece arrive in each direction; return whether there was any."""
        gateway = self._gateway_of(line)
        heard = False
        if not gateway.stands_still:
            with gateway.running():
                heard = line.let_gateway_read()
        return line.let_device_read() or heard

    def _gateway_of(self, line: ChargerLine | WidgetLine) -> GatewayProcess:
        return next(each for each in self.gateways if each.context is line.context)

    def rest(self) -> None:
        """Let everything be done that is done by itself, until nothing is left to do."""
        self._ghosts.clear()
        for gateway in self.gateways:
            gateway.stands_still = False
        for line in self.charger_lines:
            line.is_slow = False
            line.finish()
        for widget_line in self.widget_lines:
            widget_line.is_slow = False
        self.after()
        for _ in range(_MOST_ROUNDS):
            before = self._numbers()
            self._round()
            if before == self._numbers():
                break
        self._faults_at_rest, self.went_back = self.promise.faults, False

    def _round(self) -> None:
        for registry in self.registries:
            registry.look_round()
            registry.run()
        for link in self.links:
            if link.is_broken:
                link.reconnect()
        self._deliver()
        for gateway in self.gateways:
            gateway.look_at_directory()
            gateway.run()
            gateway.reconcile()
            gateway.run()
        self.after()
        self._deliver()
        self.let_pass(_ROUND_SECONDS)
        self._deliver()
        self.say_again(self.gateways[0])
        self._deliver()
        for router in self.routers:
            router.look_round()
            router.run()
        self._deliver()

    def _deliver(self) -> None:
        while True:
            for link in self.links:
                while link.has_news:
                    link.step()
                while link.has_late:
                    link.step_late(0)
            self.after()
            for process in self.processes:
                if not isinstance(process, RegistryProcess):
                    process.run()
            self.after()
            if not any(link.has_news or link.has_late for link in self.links):
                return

    def _numbers(self) -> object:
        """What changes as long as something is still going on."""
        return (
            self.server.snapshot(),
            [len(line.shown) for line in self.promise.widget_lines],
            len(self.charger_lines),
            len(self.widget_lines),
            self.promise.moment,
        )
