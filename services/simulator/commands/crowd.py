"""What `fleet` and `demo` share: pairs are registered, run together, and shown."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.console import RenderableType
from rich.live import Live

from services.simulator.commands.register import register
from services.simulator.fleet.fleet import Fleet, Hub, Plan
from services.simulator.running import EXIT_DONE
from services.simulator.terminal.event_output import EventOutput
from shared.process.waiting import unless_stopped


@dataclass(frozen=True, kw_only=True)
class Crowd(ABC):
    """A command that shows many pairs.

    Attributes:
        connecting_rate: Pairs that start connecting per second.
        key: API key to register the pairs with; empty: none.
        interval: Seconds between two lines, where there is no terminal to draw on.
        rng: Where phones and jitter come from.
    """

    redraw_seconds: ClassVar[float]

    registry_url: str
    key: str = field(default="", repr=False)
    hub: Hub
    connecting_rate: float = 100.0
    interval: float
    output: EventOutput
    rng: random.Random

    async def run(self, stop: asyncio.Event) -> int:
        """Show the pairs until done or ``stop`` is set; return the exit code."""
        plans = self.plans()  # first: the seed decides them
        code = await register(
            [plan.pair for plan in plans],
            self.registry_url,
            key=self.key,
            secret=self.hub.secret,
            replace=False,
            output=self.output,
            rng=self.rng,
            stop=stop,
            each=self.names_each_pair(),
        )
        if code != EXIT_DONE or stop.is_set():
            return code
        fleet = Fleet(plans, self.hub, connecting_rate=self.connecting_rate, rng=self.rng)
        async with fleet.running():
            done = await unless_stopped(stop, self.show(fleet))
            return self.conclude(fleet, judged=bool(done))

    @abstractmethod
    def plans(self) -> Sequence[Plan]:
        """Return how each pair behaves."""

    def names_each_pair(self) -> bool:
        """Return whether each pair is named when it is registered."""
        return False

    @abstractmethod
    def write(self, fleet: Fleet) -> None:
        """Write lines about the fleet as it is now."""

    @abstractmethod
    def draw(self, fleet: Fleet) -> RenderableType:
        """Return a picture of the fleet as it is now."""

    async def show(self, fleet: Fleet) -> bool:
        """Draw on the terminal, or write lines; return True at the end, if there is one."""
        if self.output.terminal is None:
            while True:
                await asyncio.sleep(self.interval)
                self.write(fleet)
        with Live(console=self.output.terminal, auto_refresh=False) as live:
            while True:
                live.update(self.draw(fleet), refresh=True)
                await asyncio.sleep(self.redraw_seconds)

    def conclude(self, fleet: Fleet, *, judged: bool) -> int:  # noqa: ARG002 - for subclasses
        """Say how it went, with a verdict unless it was stopped; return the exit code."""
        return EXIT_DONE
