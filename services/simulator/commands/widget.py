"""One widget: its LED, and under it what it showed before."""

import asyncio
import random
from contextlib import ExitStack
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.simulator.devices.disconnect_reason import Closed, explain
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from services.simulator.devices.widget import Lit, NotUnderstood, Widget, WidgetEvent
from services.simulator.judging.history import History
from services.simulator.running import EXIT_DONE
from services.simulator.terminal.event_output import EventOutput
from services.simulator.terminal.led import colour_of, led, style_of
from shared.process.waiting import unless_stopped

_HISTORY_LENGTH: Final = 12
_LED_WIDTH: Final = 14
_LED_HEIGHT: Final = 4


class WidgetCommand:
    """Runs one widget and shows it: drawn on a terminal, told elsewhere."""

    def __init__(self, widget_id: str, url: str, secret: str, output: EventOutput) -> None:
        pace = Pace(random.Random())
        self._widget = Widget(widget_id, url, pace=pace, secret=secret, notify=self._notify)
        self._output = output
        self._history = History(_HISTORY_LENGTH)
        self._state = "connecting"
        self._live: Live | None = None
        if output.terminal is not None:
            self._live = Live(self._draw(), console=output.terminal, auto_refresh=False)

    async def run(self, stop: asyncio.Event) -> int:
        """Show the widget until ``stop`` is set; return the exit code."""
        with ExitStack() as stack:
            if self._live is not None:
                stack.enter_context(self._live)
            await unless_stopped(stop, self._widget.run())
        return EXIT_DONE

    def _notify(self, event: WidgetEvent) -> None:
        widget = self._widget
        match event:
            case Connected():
                self._state = f"connected to {widget.device.url}"
                self._note("connected", "connected, dark until the first status", "green")
            case Lit(status):
                words = f"{colour_of(status)}: {status}"
                facts = {"status": status, "colour": colour_of(status)}
                self._note("status", words, style_of(status), **facts)
            case NotUnderstood(message):
                self._note("not understood", f"not understood: {message}", "red")
            case Disconnected(reason):
                words = explain(reason, widget.device)
                state = f"not connected: {words}"
                if state != self._state:  # told once, not with every attempt
                    self._state = state
                    code = reason.code if isinstance(reason, Closed) else None
                    self._note("disconnected", f"{words}. Trying again", "yellow", code=code)

    def _note(self, what: str, words: str, style: str, **facts: object) -> None:
        self._history.add(words, self._widget.shown, datetime.now().astimezone())
        if self._live is None:
            self._output.write(what, words, style, widget=self._widget.device.device_id, **facts)
        else:
            self._live.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        shown = self._widget.shown
        light = Table.grid(padding=(0, 3))
        words = Text.assemble(
            (f"{colour_of(shown)}\n", f"bold {style_of(shown)}" if shown else "bold"),
            (f"{shown or 'no charging status'}\n\n", ""),
            (self._state, "dim"),
        )
        light.add_row(led(shown, _LED_WIDTH, _LED_HEIGHT), words)
        past = Table.grid(padding=(0, 2))
        for entry in self._history:
            span = f"{entry.first:%H:%M:%S}"
            if entry.times > 1:
                span += f" to {entry.last:%H:%M:%S}"
            times = f"{entry.times} times" if entry.times > 1 else ""
            past.add_row(Text(span, "dim"), led(entry.status, 2), Text(entry.words), times)
        return Panel(
            Group(light, Text(), past),
            title=f"widget {self._widget.device.device_id}",
            subtitle="Ctrl-C ends",
            border_style="dim",
        )
