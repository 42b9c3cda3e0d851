"""A fleet of pairs: load for the hub, and a judgement on every light."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from services.simulator.commands.crowd import Crowd
from services.simulator.devices.phone import Phone
from services.simulator.fleet.fleet import Fleet, Plan
from services.simulator.fleet.pairs import Pair, numbered_pairs
from services.simulator.running import EXIT_DONE, EXIT_NOT_RIGHT
from services.simulator.terminal import fleet_view

_SETTLING_GRACE_SECONDS: Final = 5.0
"""How long beyond `settle` a fleet waits at its end for devices to reconnect."""


@dataclass(frozen=True, kw_only=True)
class FleetCommand(Crowd):
    """Runs a fleet, shows its figures, and judges it at the end.

    Attributes:
        pairs: How many.
        prefix: What their ids start with.
        rate: Readings per second of each charger.
        duration: Seconds to run; none for until stopped.
    """

    redraw_seconds = 1.0

    pairs: int
    prefix: str
    rate: float
    duration: float | None

    def plans(self) -> Sequence[Plan]:
        """Return phones of all sorts."""
        return make_plans(numbered_pairs(self.prefix, self.pairs), self.rate, self.rng)

    async def show(self, fleet: Fleet) -> bool:
        """Show figures until the duration is over and the lights had time to settle."""
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(super().show(fleet), name="report")
            try:
                if self.duration is None:
                    await asyncio.Event().wait()  # until stopped
                else:
                    await asyncio.sleep(self.duration)
                # From here on nothing changes any more: what is not right after
                # the time to settle never will be.
                fleet.stop_readings()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.hub.settle + _SETTLING_GRACE_SECONDS):
                        await fleet.wait_until_settled()
            finally:
                showing.cancel()
        return True

    def write(self, fleet: Fleet) -> None:
        """Write the figures as one line."""
        figures = fleet.take_figures()
        self.output.write(
            "figures",
            fleet_view.line(figures),
            fleet_view.style(figures),
            **figures.as_facts(),
            troubles=dict(fleet.troubles()),
        )

    def draw(self, fleet: Fleet) -> Table:
        """Return the figures as a table."""
        return fleet_view.table(fleet, fleet.take_figures())

    def conclude(self, fleet: Fleet, *, judged: bool) -> int:
        """Write the figures of the whole run and name the lights that are not right."""
        figures = fleet.total_figures()
        self.output.write(
            "final",
            f"whole run: {fleet_view.line(figures)}",
            fleet_view.style(figures) if judged else "",
            **figures.as_facts(),
            judged=judged,
        )
        if not judged:  # stopped in the middle of things: no verdict
            return EXIT_DONE
        for words in fleet_view.name_lights(fleet.pairs_not_right()):
            self.output.write("not right", words, "red")
        right = not fleet.pairs_not_right() and not figures.counts.older_lights
        return EXIT_DONE if right else EXIT_NOT_RIGHT


def make_plans(pairs: Sequence[Pair], rate: float, rng: random.Random) -> list[Plan]:
    """Return phones of all sorts, charging fast enough to change the light often.

    Each charger sends ``rate`` readings per second.
    """
    return [
        Plan(
            pair,
            Phone(
                level=float(rng.randint(0, 100)),
                step=round(rng.uniform(1, 4), 1),
                rest=rng.randint(5, 20),
                arrive=lambda: float(rng.randint(0, 70)),
            ),
            interval=1 / rate,
        )
        for pair in pairs
    ]
