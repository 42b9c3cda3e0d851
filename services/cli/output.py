"""What the commands print: tables for people, JSON for programs."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from services.cli.api import Items
from services.cli.failures import ReaderGoneError, RefusedError

_LED: Final = {"charging": "red", "charging80": "yellow", "charged": "green"}
_APART: Final = "  "
_LEAST_LAST: Final = 20
"""How many cells of the last column must fit on a line; the rest wraps."""

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

    def line(self, text: str, answer: object) -> None:
        """Say one thing: a text for a person, the answer for a program."""
        if self._as_json:
            self._print_json(answer)
        else:
            self.plain(text)

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

    def table(self, items: Iterable[Mapping[str, Any]], columns: Sequence[str | Column]) -> None:
        """Show many things of one kind; a dot in a column's name looks inside a member."""
        if self._as_json:
            # A line each, so that a long list can be piped while it comes.
            for item in items:
                self._print_json(item)
        else:
            self._print_table(items, [_as_column(each) for each in columns])
        if isinstance(items, Items) and items.cut_off:
            self.note("There are more: --most shows more of them")

    def note(self, text: str) -> None:
        """Tell a person something that is no part of the answer."""
        sys.stderr.write(f"{text}\n")

    def _print_table(self, items: Iterable[Mapping[str, Any]], columns: list[Column]) -> None:
        rows = [[cell(column.of(item)) for column in columns] for item in items]
        titles = [column.title for column in columns]
        head = [Text(title, style="bold") for title in titles]
        widths = [max(each.cell_len for each in column) for column in zip(head, *rows, strict=True)]
        needed = sum(widths[:-1]) + len(_APART) * len(widths[:-1]) + min(widths[-1], _LEAST_LAST)
        if not rows:
            self.plain("none")
        elif self._console.is_terminal and needed > self._console.width:
            # Cells in pieces could neither be read nor copied.
            blocks = [_block(list(zip(titles, row, strict=True))) for row in rows]
            self._lines(line for block in blocks for line in [*block, Text()])
        else:
            self._lines(_row(cells, widths) for cells in [head, *rows])

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
    """Return an RFC 3339 time in this machine's own zone; any other text as it is."""
    if len(text) < len("2026-11-24T08:00:00Z") or text[10:11] != "T":
        return text
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return text
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")


def _row(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    """Return cells side by side."""
    row = Text()
    for each, width in zip(cells, widths, strict=True):
        row.append_text(each).append(" " * (width - each.cell_len) + _APART)
    row.rstrip()
    return row


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
