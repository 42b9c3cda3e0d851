"""The whole hub in one place: two gateways, two routers, two registries, and their devices."""

import json
import time
from enum import Enum, auto
from typing import Any

from services.registry.directory import projection, snapshot
from shared.bus.script import Call
from shared.contract.devices import Kind
from shared.contract.names import Names
from tests.model.devices import ChargerLine, WidgetLine
from tests.model.link import StepSubscriber
from tests.model.postgres import Postgres
from tests.model.processes import GatewayProcess, Process, RegistryProcess, RouterProcess
from tests.model.promise import Promise
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
_SLACK_EXACT_US = 2_000
_SLACK_ENDLESS_US = 3_600_000_000
"""With so much of it, time tells nothing: only floors tell what came before a pairing."""
_MOST_ROUNDS = 12


class World:
    """Everything there is, and every step that it can take."""

    def __init__(
        self, server: Server, partitions: int, chargers: int, widgets: int, *, exact: bool
    ) -> None:
        self.chargers = tuple(f"c{number + 1}" for number in range(chargers))
        self.widgets = tuple(f"w{number + 1}" for number in range(widgets))
        self.server = server
        self.names = Names(partitions)
        self.postgres = Postgres()
        self.promise = Promise(server, self.names, self.postgres, exact=exact)
        self._slack = (_SLACK_EXACT_US if exact else 0) / 1_000_000
        self._last_reading_at = 0.0
        self._ghosts: list[Call] = []
        self.kept: Snapshot | None = None
        self.gateways = [self._gateway() for _ in range(2)]
        self.routers = [self._router() for _ in range(2)]
        projection.AGE_SLACK_US = _SLACK_EXACT_US if exact else _SLACK_ENDLESS_US  # type: ignore[misc]
        snapshot.take = self.postgres.take  # type: ignore[assignment]
        self.registries = [self._registry() for _ in range(2)]

    def _gateway(self) -> GatewayProcess:
        return GatewayProcess(self.server, self.names, self._ran)

    def _router(self) -> RouterProcess:
        return RouterProcess(self.server, self.names, self._ran)

    def _registry(self) -> RegistryProcess:
        return RegistryProcess(self.server, self.names, self._ran, self.postgres)

    def close(self) -> None:
        for process in self.processes:
            process.stop()

    @property
    def processes(self) -> list[Process]:
        return [*self.gateways, *self.routers, *self.registries]

    @property
    def links(self) -> list[StepSubscriber]:
        gateways = [gateway.link for gateway in self.gateways]
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
            for link in self.links:
                link.published(message)

    def cut(self, process: Process) -> None:
        """A process loses its connection; what it had sent may still be on its way."""
        left = process.bus.cut()
        if not isinstance(process, RegistryProcess):
            self._ghosts += left
        self.after()

    @property
    def has_ghosts(self) -> bool:
        return bool(self._ghosts)

    def run_ghost(self, number: int) -> None:
        """Redis finds what was sent long ago."""
        call = self._ghosts.pop(number % len(self._ghosts))
        self._ran(call, lambda: self.server.run(call))

    def kill(self, number: int) -> None:
        """A gateway or a router is killed, and another one takes its place."""
        process = [*self.gateways, *self.routers][number]
        self._ghosts += process.bus.cut()
        process.stop()
        if isinstance(process, GatewayProcess):
            for line in self.lines:
                line.is_gone |= line.protocol in process.context.connections
            self.gateways[self.gateways.index(process)] = self._gateway()
        elif isinstance(process, RouterProcess):
            self.routers[self.routers.index(process)] = self._router()

    def lose(self, how: Loss) -> None:
        """Redis loses everything, or what it was told last."""
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
            process.bus.cut()
        self._ghosts.clear()
        for link in self.links:
            link.break_off()
        self.after()

    # Devices.

    def connect_charger(self, charger: str, gateway: GatewayProcess) -> None:
        line = ChargerLine(
            charger, gateway.context, gateway.chargers, self.names.partitions, self.promise.receipt
        )
        self.promise.charger_lines.append(line)
        self.after()

    def connect_widget(self, widget: str, gateway: GatewayProcess) -> None:
        line = WidgetLine(
            widget, gateway.context, gateway.widgets, self._in_effect(widget), self.promise.shown
        )
        self.promise.widget_lines.append(line)
        self.after()

    def report(self, line: ChargerLine, level: int) -> None:
        line.report(level, self.promise.next_moment())
        self._last_reading_at = time.monotonic()
        self.after()

    def vanish(self, line: ChargerLine | WidgetLine) -> None:
        line.vanish()
        self.after()

    def _in_effect(self, widget: str) -> int:
        raw = self.server.command("HGET", self.names.of_widget(widget).directory, widget)
        return int(json.loads(raw)["pairing"]) if raw else 0

    # The operator.

    def pair(self, charger: str, widget: str) -> None:
        if self.postgres.charger_of(widget) == charger:
            return
        # What was read before is to be told apart from what is read after.
        wait = self._last_reading_at + 1.5 * self._slack - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self.postgres.pair(charger, widget, self.promise.next_moment())
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

    def copy_floors(self) -> None:
        """Do a round of `services.registry.directory.floor_backup`."""
        for charger in self.chargers:
            pairing, entry = self.postgres.pairing_of(charger), self.promise.entry(charger)
            if pairing is None or pairing.floor is not None:
                continue
            if entry.get("pairing") == pairing.number and "floor" in entry:
                epoch, sequence = entry["floor"]
                pairing.floor = (epoch, sequence)

    # What follows from a step by itself.

    def after(self) -> None:
        """Let processes go on, and devices answer what they are asked."""
        for process in self.processes:
            process.go_on()
        for line in self.charger_lines:
            if line.is_asked:
                line.answer_ping()
            if not line.connection.is_open:
                line.vanish()
        for widget_line in self.widget_lines:
            if not widget_line.connection.is_open:
                widget_line.vanish()
        for process in self.processes:
            process.go_on()

    def rest(self) -> None:
        """Let everything be done that is done by itself, until nothing is left to do."""
        self._ghosts.clear()
        for _ in range(_MOST_ROUNDS):
            before = self._numbers()
            self._round()
            if before == self._numbers():
                break

    def _round(self) -> None:
        for registry in self.registries:
            registry.look_round()
            registry.run()
        self.copy_floors()
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
            for process in [*self.gateways, *self.routers]:
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
