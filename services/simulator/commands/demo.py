"""A few pairs to look at: phones that charge, widgets that change colour."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from services.simulator.commands.register import register
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.devices.reconnect import Clock
from services.simulator.fleet.fleet import Fleet, Hub, Plan, SimulatedPair
from services.simulator.fleet.pairs import Pair
from services.simulator.running import EXIT_DONE, unless
from services.simulator.terminal import fleet_view
from services.simulator.terminal.event_output import EventOutput
from services.simulator.terminal.led import colour_of, led

_TERMINAL_INTERVAL_SECONDS: Final = 0.25
_CELL_WIDTH: Final = 20
_CONNECTING_RATE: Final = 100.0
_SLOWEST_SECONDS: Final = 1.0
_FASTEST_SECONDS: Final = 0.25
_REST_STEPS: Final = 12


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo is asked to show.

    Attributes:
        pairs: Which pairs.
        registry_url: Where to register them.
        hub: Where to connect.
        speed: How many times faster than usual the phones charge.
        interval: Seconds between two lines.
    """

    pairs: Sequence[Pair]
    registry_url: str
    hub: Hub
    speed: float
    interval: float


class DemoCommand:
    """Runs the demo and shows the LEDs.

    Args:
        options: What to show.
        output: Told the lights, where there is no terminal to draw on.
        terminal: The terminal to draw on; none to tell instead.
        rng: Source of jitter.
        clock: Time in seconds.
    """

    def __init__(
        self,
        options: DemoOptions,
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
        """Show the demo until ``stop`` is set; return the exit code."""
        options = self._options
        code = await register(
            options.pairs,
            options.registry_url,
            replace=False,
            output=self._output,
            rng=self._rng,
            stop=stop,
            each=self._terminal is None,
        )
        if code != EXIT_DONE or stop.is_set():
            return code
        fleet = Fleet(
            make_plans(options.pairs, options.speed),
            options.hub,
            connecting_rate=_CONNECTING_RATE,
            rng=self._rng,
            clock=self._clock,
        )
        async with fleet.running():
            if self._terminal is None:
                await unless(stop, self._write(fleet))
            else:
                await unless(stop, self._draw(fleet, self._terminal))
        return EXIT_DONE

    async def _write(self, fleet: Fleet) -> None:
        while True:
            await asyncio.sleep(self._options.interval)
            words = " · ".join(
                f"{pair.plan.pair.widget} {colour_of(pair.widget.shown)} {_level(pair)}"
                for pair in fleet.pairs
            )
            self._output.write(
                "lights",
                words,
                colours={
                    pair.plan.pair.widget: colour_of(pair.widget.shown) for pair in fleet.pairs
                },
                levels={pair.plan.pair.charger: pair.charger.level for pair in fleet.pairs},
            )
            for trouble in fleet_view.troubles(fleet):
                self._output.write("trouble", trouble, "yellow")

    async def _draw(self, fleet: Fleet, terminal: Console) -> None:
        with Live(console=terminal, auto_refresh=False) as live:
            while True:
                live.update(_panel(fleet), refresh=True)
                await asyncio.sleep(_TERMINAL_INTERVAL_SECONDS)


def make_plans(pairs: Sequence[Pair], speed: float) -> list[Plan]:
    """Return phones that start at different levels and charge at different speeds.

    Args:
        pairs: The pairs.
        speed: How many times faster than usual; usual is a phone in half a minute to two.
    """
    most = max(1, len(pairs) - 1)
    plans = []
    for number, pair in enumerate(pairs):
        share = number / most
        seconds = _SLOWEST_SECONDS + share * (_FASTEST_SECONDS - _SLOWEST_SECONDS)
        # Spread over the whole scale, so that every colour is there from the start.
        phone = Phone(round(share * 100), 1.0, _REST_STEPS, empty_phone)
        plans.append(Plan(pair, phone, seconds / speed))
    return plans


def _panel(fleet: Fleet) -> RenderableType:
    figures = fleet.take_figures()
    summary = f"{fleet_view.lights(figures)} · reconnects {figures.counts.reconnects}"
    lines: list[RenderableType] = [Columns([_cell(pair) for pair in fleet.pairs]), Text()]
    lines.append(Text(summary, fleet_view.style(figures) or "dim"))
    lines += [Text(trouble, "yellow") for trouble in fleet_view.troubles(fleet)]
    return Panel(Group(*lines), title="Chargelight", subtitle="Ctrl-C ends", border_style="dim")


def _cell(pair: SimulatedPair) -> RenderableType:
    shown = pair.widget.shown
    ids = pair.plan.pair
    return Panel(
        Group(
            led(shown, _CELL_WIDTH - 4, 2),
            Text(f"{colour_of(shown)}", "bold"),
            Text(ids.widget, no_wrap=True, overflow="ellipsis"),
            Text(f"{ids.charger} {_level(pair)}", "dim", no_wrap=True, overflow="ellipsis"),
        ),
        width=_CELL_WIDTH,
        border_style="dim",
    )


def _level(pair: SimulatedPair) -> str:
    return "-" if pair.charger.level is None else f"{pair.charger.level:g} %"
