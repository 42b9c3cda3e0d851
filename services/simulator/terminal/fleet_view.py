"""A fleet's figures: a table for a terminal, a line for a log, words for the end."""

from typing import Final

from rich.table import Table
from rich.text import Text

from services.simulator.fleet.figures import Figures
from services.simulator.fleet.fleet import Fleet, SimulatedPair
from services.simulator.judging.verdict import Verdict
from services.simulator.terminal.led import colour_of

_MOST_NAMED: Final = 10


def line(figures: Figures) -> str:
    """Return the figures as one line."""
    counts = figures.counts
    return (
        f"{figures.elapsed:.0f} s · "
        f"chargers {figures.chargers_connected}/{figures.pairs} · "
        f"widgets {figures.widgets_connected}/{figures.pairs} · "
        f"sent {figures.sent_per_second:.1f}/s · received {figures.received_per_second:.1f}/s · "
        f"latency p50 {_time(figures.latency_p50_ms)} p99 {_time(figures.latency_p99_ms)} · "
        f"reconnects {counts.reconnects} · {lights(figures)}"
    )


def lights(figures: Figures) -> str:
    """Return how the lights are, in words; kinds that there are none of are left out."""
    words = f"lights {figures.lights_right} right"
    words += f", {figures.lights_late} late" if figures.lights_late else ""
    words += f", {figures.lights_wrong} wrong"
    words += f", {figures.lights_unknown} unknown" if figures.lights_unknown else ""
    older = figures.counts.older_lights
    return words + (f", {older} times an older status came after a newer one" if older else "")


def style(figures: Figures) -> str:
    """Return the colour of a line."""
    if figures.lights_wrong or figures.counts.older_lights:
        return "red"
    return "yellow" if figures.lights_late or figures.lights_unknown else ""


def table(fleet: Fleet, figures: Figures) -> Table:
    """Return the figures as a table."""
    counts = figures.counts
    wrong = "bold red" if figures.lights_wrong else "bold green"
    found = Table(title=f"fleet of {figures.pairs} pairs, {figures.elapsed:.0f} s", min_width=60)
    found.add_column("")
    found.add_column("now", justify="right")
    found.add_column("since start", justify="right")
    rows: list[tuple[str, str | Text, str]] = [
        ("chargers connected", f"{figures.chargers_connected}", ""),
        ("widgets connected", f"{figures.widgets_connected}", ""),
        ("reconnects", "", f"{counts.reconnects}"),
        ("failed attempts to connect", "", f"{counts.failed_attempts}"),
        ("readings sent", f"{figures.sent_per_second:.1f}/s", f"{counts.sent}"),
        ("statuses received", f"{figures.received_per_second:.1f}/s", f"{counts.received}"),
        ("latency of a change, median", _time(figures.latency_p50_ms), ""),
        ("latency of a change, 99 %", _time(figures.latency_p99_ms), ""),
        ("lights right", f"{figures.lights_right}", ""),
        ("lights late", f"{figures.lights_late}", ""),
        ("lights unknown", f"{figures.lights_unknown}", ""),
        ("lights wrong", Text(f"{figures.lights_wrong}", wrong), f"{counts.wrong_lights}"),
        ("older status after a newer one", "", f"{counts.older_lights}"),
        ("errors and strange messages", "", f"{counts.complaints}"),
    ]
    for row in rows:
        found.add_row(*row)
    found.caption = "\n".join(troubles(fleet))
    return found


def troubles(fleet: Fleet) -> list[str]:
    """Return why devices have no connection, one line for each common reason."""
    return [f"not connected: {times}: {words}" for words, times in fleet.troubles()]


def name_lights(pairs: list[SimulatedPair]) -> list[str]:
    """Return one line for each pair whose light is not right, up to a few."""
    lines = [_name_light(pair) for pair in pairs[:_MOST_NAMED]]
    more = len(pairs) - _MOST_NAMED
    return [*lines, f"and {more} more"] if more > 0 else lines


def _name_light(pair: SimulatedPair) -> str:
    ids = pair.plan.pair
    if pair.verdict is Verdict.UNKNOWN:
        why = "nothing acknowledged" if pair.widget.connected else "widget not connected"
        return f"{ids.widget}: unknown ({why}; charger {ids.charger})"
    level = pair.charger.level
    return (
        f"{ids.widget}: {pair.verdict}: shows {colour_of(pair.widget.shown)}, "
        f"charger {ids.charger} last reported {'nothing' if level is None else f'{level:g} %'}"
    )


def _time(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"
