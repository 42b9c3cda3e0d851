"""``--watch``: a list that is shown again and again, until Ctrl-C.

A terminal shows the list as it is. Elsewhere, there is a line for each item that is new, changed
or gone.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from rich.console import Group
from rich.live import Live
from rich.text import Text

from services.cli.api import Items
from services.cli.failures import UnreachableError
from services.cli.output import MORE, Column, Output, cells_of, head_of, row, widths_of

_EVERY_SECONDS: Final = 2.0
_AROUND_ITEMS: Final = 5
"""Lines of a screen that are no items: a title, an empty one, the head, a note and its break."""
_AROUND_LINES: Final = 3
"""The same where something else is drawn: a title, an empty one, and a break."""


Listed: TypeAlias = Items | Sequence[Mapping[str, Any]]
"""What is watched: each item has an ``id``."""

Draw: TypeAlias = Callable[[int], list[Text]]
"""Returns what a screen shows of the last answer, told how many lines fit."""


class View(Protocol):
    """Where a list is watched."""

    def show(self, items: Listed) -> None:
        """Show the list as it is now."""

    def away(self, reason: str) -> None:
        """Say that no registry answers, and why."""


def watch(
    output: Output,
    fetch: Callable[[int | None], Listed],
    columns: Sequence[str | Column],
    draw: Draw | None = None,
) -> None:
    """Show a list until Ctrl-C. A registry that is away is waited for.

    Args:
        output: Where it is shown.
        fetch: Returns the list. It is told how many items fit on the screen; None: all do.
        columns: What is shown of an item, and what counts as a change of it. The first is its id.
        draw: What a screen shows in place of the list.

    Raises:
        RefusedError: The registry refuses.
    """
    fit = max(1, output.height - _AROUND_ITEMS) if output.is_screen else None
    is_screen = output.is_screen
    with _screen(output, columns, draw) if is_screen else _lines(output, columns) as view:
        while True:
            try:
                view.show(fetch(fit))
            except UnreachableError as error:
                view.away(str(error))
            pause()


def pause() -> None:
    """Wait before the list is fetched again."""
    time.sleep(_EVERY_SECONDS)


def changes(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Yield the keys of what is new, changed or gone."""
    yield from (key for key, value in now.items() if before.get(key) != value)
    yield from (key for key in before if key not in now)


@contextmanager
def _screen(output: Output, columns: Sequence[str | Column], draw: Draw | None) -> Iterator[View]:
    # So that the terminal is put back when the program is ended from elsewhere.
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with output.screen() as screen:
            yield _ScreenView(output, columns, screen, draw)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _lines(output: Output, columns: Sequence[str | Column]) -> Iterator[View]:
    yield _LineView(output, columns)


class _ScreenView:
    def __init__(
        self, output: Output, columns: Sequence[str | Column], screen: Live, draw: Draw | None
    ) -> None:
        self._output = output
        self._columns = columns
        self._screen = screen
        self._draw_instead = draw
        self._shown: list[Text] = []

    def show(self, items: Listed) -> None:
        if self._draw_instead is not None:
            self._shown = self._draw_instead(self._output.height - _AROUND_LINES)
        else:
            self._shown = self._output.table_lines(items, self._columns)
        if _is_cut_off(items):
            self._shown.append(Text(MORE, style="dim"))
        self._draw(Text(f"{_now()}, every {_EVERY_SECONDS:g} s until Ctrl-C", style="dim"))

    def away(self, reason: str) -> None:
        self._draw(Text(f"{_now()}: {reason}", style="red"))

    def _draw(self, title: Text) -> None:
        self._screen.update(Group(title, Text(), *self._shown), refresh=True)


class _LineView:
    def __init__(self, output: Output, columns: Sequence[str | Column]) -> None:
        self._output = output
        self._columns = columns
        self._shown: dict[str, list[Text]] = {}
        self._widths: list[int] = []
        self._is_away = False

    def show(self, items: Listed) -> None:
        listed = {str(item["id"]): item for item in items}
        rows = {key: cells_of(item, self._columns) for key, item in listed.items()}
        if self._is_away:
            self._output.note(f"{_now()}: the registry answers again")
        self._is_away = False
        if not self._widths:
            self._begin(list(rows.values()), items)
        for key in changes(self._shown, rows):
            text = row(rows.get(key) or [Text(key), Text("gone")], self._widths).plain
            self._output.line(f"{_now()}  {text}", listed.get(key, {"id": key, "gone": True}))
        self._shown = rows

    def away(self, reason: str) -> None:
        if not self._is_away:
            self._output.note(f"{_now()}: {reason}. It is asked again until it answers")
        self._is_away = True

    def _begin(self, rows: list[list[Text]], items: Listed) -> None:
        head = head_of(self._columns)
        self._widths = widths_of([head, *rows])
        self._output.heading(f"{'at':<{len(_now())}}  {row(head, self._widths).plain}")
        if _is_cut_off(items):
            self._output.note(MORE)


def _is_cut_off(items: Listed) -> bool:
    return isinstance(items, Items) and items.cut_off


def _now() -> str:
    return datetime.now().astimezone().isoformat(" ", "seconds")
