"""What the commands print: tables for people, JSON for programs."""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.cli.api import Items
from services.cli.failures import ReaderGoneError, RefusedError

_LED: Final = {"charging": "red", "charging80": "yellow", "charged": "green"}
_APART: Final = "  "
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_BYTES: Final = 1024
_TIME: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_LEAST_LAST: Final = 20
"""How many cells of the last column must fit on a line; the rest wraps."""

MORE: Final = "There are more: --most shows more of them"

_BIDIRECTIONAL: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that change the order in which a terminal shows others."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that is computed from each item."""

    title: str
    of: Callable[[Mapping[str, Any]], object]


class Output:
    """Where answers go: standard output, as text or as the JSON that the API sent."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, markup=False, emoji=False)

    @property
    def is_screen(self) -> bool:
        """Whether a person looks at a terminal that can be redrawn."""
        is_terminal = sys.stdout.isatty() and not self._console.is_dumb_terminal
        return is_terminal and not self._as_json

    @property
    def height(self) -> int:
        """Lines of the terminal."""
        return self._console.height

    def screen(self) -> Live:
        """Return a screen of its own to draw on; the terminal is put back afterwards."""
        return Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def heading(self, text: str) -> None:
        """Print what stands above an answer for people."""
        if not self._as_json:
            self.plain(text)

    def line(self, text: str, answer: object) -> None:
        """Say one thing: a text for a person, the answer for a program."""
        if self._as_json:
            self._print_json(answer)
        else:
            self.plain(text)

    def drawn(self, lines: Iterable[Text], answer: object) -> None:
        """Show one thing: as lines for a person, the answer for a program."""
        if self._as_json:
            self._print_json(answer)
        else:
            self._lines(lines)

    def plain(self, text: str) -> None:
        """Print a text as it is."""
        self._write(printable(text, keep="\n") + "\n")

    def raw(self, piece: bytes) -> None:
        """Pass on a piece of a file."""
        self._do_output(lambda: sys.stdout.buffer.write(piece), sys.stdout.buffer.flush)

    def fields(self, answer: Mapping[str, Any]) -> None:
        """Show one thing with all that is known of it."""
        if self._as_json:
            self._print_json(answer)
            return
        self._lines(_block([(_title(name), cell(value)) for name, value in _flat(answer)]))
        if answer.get("projected") is False and not answer.get("dry_run"):
            self.note("Not in effect yet: it is stored, and Redis does not have it so far")

    def outcomes(self, answer: Mapping[str, Any], name: str, columns: Sequence[str]) -> None:
        """Show one thing with a table of many before it, if ``answer[name]`` has them."""
        if self._as_json:
            self.fields(answer)
            return
        rest = {key: value for key, value in answer.items() if key != name}
        if not (items := answer.get(name)):
            self.fields(rest)
            return
        used = [column for column in columns if any(column in item for item in items)]
        self.table(items, used)
        self.plain("")
        self.fields(rest)

    def table(self, items: Iterable[Mapping[str, Any]], columns: Sequence[str | Column]) -> None:
        """Show many things of one kind; a dot in a column's name looks inside a member."""
        if self._as_json:
            # A line each, so that a long list can be piped while it comes.
            for item in items:
                self._print_json(item)
        else:
            self._lines(self.table_lines(items, columns))
        if isinstance(items, Items) and items.cut_off:
            self.note(MORE)

    def note(self, text: str) -> None:
        """Tell a person something that is no part of the answer."""
        sys.stderr.write(f"{text}\n")

    def table_lines(
        self, items: Iterable[Mapping[str, Any]], columns: Sequence[str | Column]
    ) -> list[Text]:
        """Return the lines of a table."""
        rows = [cells_of(item, columns) for item in items]
        head = head_of(columns)
        widths = widths_of([head, *rows])
        needed = sum(widths[:-1]) + len(_APART) * len(widths[:-1]) + min(widths[-1], _LEAST_LAST)
        if not rows:
            return [Text("none")]
        if self._console.is_terminal and needed > self._console.width:
            # Cells in pieces could neither be read nor copied.
            titles = [title.plain for title in head]
            blocks = [_block(list(zip(titles, row_, strict=True))) for row_ in rows]
            return [line for block in blocks for line in [*block, Text()]]
        return [row(cells, widths) for cells in [head, *rows]]

    def _lines(self, lines: Iterable[Text]) -> None:
        """Write lines; what is too long for a terminal goes on to its next line."""
        if not self._console.is_terminal:
            # One by one, so that a reader that ends early ends this too.
            for line in lines:
                self._write(f"{line.plain.rstrip()}\n")
            return
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line, soft_wrap=True)
        self._write(captured.get())

    def _print_json(self, answer: object) -> None:
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        self._write(json.dumps(answer, ensure_ascii=not utf8) + "\n")

    def _write(self, text: str) -> None:
        self._do_output(lambda: sys.stdout.write(text), sys.stdout.flush)

    def _do_output(self, *steps: Callable[[], object]) -> None:
        try:
            for step in steps:
                step()
        except BrokenPipeError:
            raise ReaderGoneError from None
        except OSError as error:
            raise RefusedError(f"the output cannot be written: {error.strerror}") from error


def cell(value: object) -> Text:
    """Return a value as people read it."""
    if value is None or value == []:
        return Text("-", style="dim")
    if isinstance(value, Text):
        return value
    if isinstance(value, dict | list):
        return Text(in_words(value))
    text = in_words(value)
    return Text(text, style=_LED.get(text, ""))


def in_words(value: object) -> str:
    """Return a value in words."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            apart = "; " if any(isinstance(each, dict) for each in value) else ", "
            return apart.join(in_words(each) for each in value)
        case dict():
            return ", ".join(f"{_title(name)}: {in_words(each)}" for name, each in value.items())
        case _:
            return printable(local_time(str(value)))


def duration(seconds: float | None) -> str:
    """Return how long something took, or how old it is, to the minute."""
    if seconds is None:
        return in_words(None)
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def size(count: float) -> str:
    """Return a number of bytes in the unit that people use for it."""
    unit = 0
    while count >= _BYTES and unit < len(_UNITS) - 1:
        count /= _BYTES
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def printable(text: str, keep: str = "") -> str:
    """Return a text with what controls a terminal escaped, except for characters in ``keep``."""
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or not _is_active(each) else ascii(each)[1:-1] for each in text
    )


def _is_active(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} or character in _BIDIRECTIONAL


def local_time(text: str) -> str:
    """Return an RFC 3339 time in this machine's own zone, with that; any other text as it is."""
    if len(text) < len("2026-11-24T08:00:00Z") or text[10:11] != "T":
        return text
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return text
    return moment.isoformat(" ", "seconds")


def with_local_times(text: str) -> str:
    """Return a text with its times in this machine's own zone."""
    return _TIME.sub(lambda found: local_time(found[0]), text)


def cells_of(item: Mapping[str, Any], columns: Sequence[str | Column]) -> list[Text]:
    """Return what a table shows of an item."""
    return [cell(_as_column(column).of(item)) for column in columns]


def head_of(columns: Sequence[str | Column]) -> list[Text]:
    """Return the titles of a table."""
    return [Text(_as_column(column).title, style="bold") for column in columns]


def widths_of(rows: Sequence[Sequence[Text]]) -> list[int]:
    """Return how many places of a terminal each column of a table needs."""
    return [max(each.cell_len for each in column) for column in zip(*rows, strict=True)]


def row(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    """Return cells side by side; one that is wider than its column moves the others."""
    line = Text()
    for each, width in zip(cells, widths, strict=False):
        line.append_text(each).append(" " * (width - each.cell_len) + _APART)
    line.rstrip()
    return line


def _block(named: Sequence[tuple[str, Text]]) -> list[Text]:
    """Return values below one another, each with its name."""
    width = max((cell_len(name) for name, _ in named), default=0)
    return [Text.assemble((f"{name:<{width}}", "dim"), _APART, value) for name, value in named]


def _title(name: str) -> str:
    return name.replace("_", " ")


def _as_column(column: str | Column) -> Column:
    if isinstance(column, Column):
        return column
    return Column(_title(column.rpartition(".")[2]), lambda item: _inside(item, column))


def _inside(item: Mapping[str, Any], path: str) -> Any:
    value: Any = item
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _flat(answer: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in answer.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value
