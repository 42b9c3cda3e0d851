"""A few pairs to look at: phones that charge, widgets that change colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from services.simulator.commands.crowd import Crowd
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.fleet.fleet import Fleet, Plan, SimulatedPair
from services.simulator.fleet.pairs import Pair
from services.simulator.terminal import fleet_view
from services.simulator.terminal.led import colour_of, led

_CELL_WIDTH: Final = 20
_SLOWEST_SECONDS: Final = 1.0
_FASTEST_SECONDS: Final = 0.25
_REST_STEPS: Final = 12


@dataclass(frozen=True, kw_only=True)
class DemoCommand(Crowd):
    """Runs a few pairs and shows their LEDs.

    Attributes:
        speed: How many times faster than usual the phones charge.
    """

    redraw_seconds = 0.25

    pairs: Sequence[Pair]
    speed: float

    def plans(self) -> Sequence[Plan]:
        """Return phones that charge at different speeds."""
        return make_plans(self.pairs, self.speed)

    def names_each_pair(self) -> bool:
        """A drawing names them anyway."""
        return self.output.terminal is None

    def write(self, fleet: Fleet) -> None:
        """Write what is lit, and why devices have no connection."""
        colours = {pair.plan.pair.widget: colour_of(pair.widget.shown) for pair in fleet.pairs}
        self.output.write(
            "lights",
            " · ".join(
                f"{pair.plan.pair.widget} {colour_of(pair.widget.shown)} {_level(pair)}"
                for pair in fleet.pairs
            ),
            colours=colours,
            levels={pair.plan.pair.charger: pair.charger.level for pair in fleet.pairs},
        )
        for trouble in fleet_view.troubles(fleet):
            self.output.write("trouble", trouble, "yellow")

    def draw(self, fleet: Fleet) -> RenderableType:
        """Return a panel of LEDs."""
        figures = fleet.take_figures()
        summary = f"{fleet_view.lights(figures)} · reconnects {figures.counts.reconnects}"
        lines: list[RenderableType] = [Columns([_cell(pair) for pair in fleet.pairs]), Text()]
        lines.append(Text(summary, fleet_view.style(figures) or "dim"))
        lines += [Text(trouble, "yellow") for trouble in fleet_view.troubles(fleet)]
        return Panel(Group(*lines), title="Chargelight", subtitle="Ctrl-C ends", border_style="dim")


def make_plans(pairs: Sequence[Pair], speed: float) -> list[Plan]:
    """Return phones that start at different levels and charge at different speeds.

    At a speed of 1, a phone is full after half a minute to two.
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
