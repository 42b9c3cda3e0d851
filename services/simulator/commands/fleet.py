"""A fleet of pairs: load for the hub, and a judgement on every light."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.live import Live

from services.simulator.commands.register import register
from services.simulator.devices.phone import Phone
from services.simulator.devices.reconnect import Clock
from services.simulator.fleet.fleet import Fleet, Hub, Plan
from services.simulator.fleet.pairs import Pair, numbered_pairs
from services.simulator.running import EXIT_DONE, EXIT_NOT_RIGHT, unless
from services.simulator.terminal import fleet_view
from services.simulator.terminal.event_output import EventOutput

_TERMINAL_INTERVAL_SECONDS: Final = 1.0
_SETTLING_GRACE_SECONDS: Final = 5.0
"""How long beyond `settle` a fleet waits at its end for devices to reconnect."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the fleet is asked to do.

    Attributes:
        pairs: How many.
        prefix: What their ids start with.
        rate: Readings per second of each charger.
        registry_url: Where to register the pairs.
        hub: Where to connect.
        connecting_rate: Pairs that start connecting per second.
        duration: Seconds to run; none for until stopped.
        interval: Seconds between two lines.
    """

    pairs: int
    prefix: str
    rate: float
    registry_url: str
    hub: Hub
    connecting_rate: float
    duration: float | None
    interval: float


class FleetCommand:
    """Runs a fleet and shows its figures.

    Args:
        options: What to do.
        output: Told the figures, where there is no terminal to draw on.
        terminal: The terminal to draw on; none to tell instead.
        rng: Where phones and jitter come from.
        clock: Time in seconds.
    """

    def __init__(
        self,
        options: FleetOptions,
        output: EventOutput,
        terminal: Console | None,
        rng: random.Random,
        clock: Clock,
    ) -> None:
        self._options = options
        self._output = output
        self._terminal = terminal
        self._rng = rng
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> int:
        """Run the fleet; return the exit code."""
        options = self._options
        pairs = numbered_pairs(options.prefix, options.pairs)
        plans = make_plans(pairs, options.rate, self._rng)  # first: the seed decides them
        code = await register(
            pairs,
            options.registry_url,
            replace=False,
            output=self._output,
            rng=self._rng,
            stop=stop,
            each=False,
        )
        if code != EXIT_DONE or stop.is_set():
            return code
        fleet = Fleet(
            plans,
            options.hub,
            connecting_rate=options.connecting_rate,
            rng=self._rng,
            clock=self._clock,
        )
        async with fleet.running():
            complete = await unless(stop, self._show(fleet))
            return self._conclude(fleet, judged=bool(complete))

    async def _show(self, fleet: Fleet) -> bool:
        """Show figures until the duration is over and the lights had time to settle."""
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(self._report(fleet), name="report")
            try:
                if self._options.duration is None:
                    await asyncio.Event().wait()  # until stopped
                else:
                    await asyncio.sleep(self._options.duration)
                # From here on nothing changes any more: what is not right after
                # the time to settle never will be.
                fleet.stop_readings()
                await self._settle(fleet)
            finally:
                reporting.cancel()
        return True

    async def _report(self, fleet: Fleet) -> None:
        if self._terminal is None:
            await self._report_lines(fleet)
            return
        with Live(console=self._terminal, auto_refresh=False) as live:
            while True:
                live.update(fleet_view.table(fleet, fleet.take_figures()), refresh=True)
                await asyncio.sleep(_TERMINAL_INTERVAL_SECONDS)

    async def _report_lines(self, fleet: Fleet) -> None:
        while True:
            await asyncio.sleep(self._options.interval)
            figures = fleet.take_figures()
            self._output.write(
                "figures",
                fleet_view.line(figures),
                fleet_view.style(figures),
                **figures.as_facts(),
                troubles=dict(fleet.troubles()),
            )

    async def _settle(self, fleet: Fleet) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.hub.settle + _SETTLING_GRACE_SECONDS):
                await fleet.wait_until_settled()

    def _conclude(self, fleet: Fleet, *, judged: bool) -> int:
        figures = fleet.total_figures()
        self._output.write(
            "final",
            f"whole run: {fleet_view.line(figures)}",
            fleet_view.style(figures) if judged else "",
            **figures.as_facts(),
            judged=judged,
        )
        if not judged:  # stopped in the middle of things: no verdict
            return EXIT_DONE
        for words in fleet_view.name_lights(fleet.pairs_not_right()):
            self._output.write("not right", words, "red")
        right = not fleet.pairs_not_right() and not figures.counts.older_lights
        return EXIT_DONE if right else EXIT_NOT_RIGHT


def make_plans(pairs: Sequence[Pair], rate: float, rng: random.Random) -> list[Plan]:
    """Return phones of all sorts, charging fast enough to change the light often.

    Args:
        pairs: The pairs.
        rate: Readings per second of each charger.
        rng: Where the phones come from.
    """

    def arrive() -> float:
        return float(rng.randint(0, 70))

    return [
        Plan(
            pair,
            Phone(
                level=float(rng.randint(0, 100)),
                step=round(rng.uniform(1, 4), 1),
                rest=rng.randint(5, 20),
                arrive=arrive,
            ),
            interval=1 / rate,
        )
        for pair in pairs
    ]
