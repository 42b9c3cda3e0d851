"""What the commands print: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_LED = {"charging": "red", "charging80": "yellow", "charged": "green"}


class Output:
    """Where answers go.

    Args:
        as_json: Print what the API said, as JSON.
        console: For everything else.
    """

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json

    def line(self, text: str, answer: object) -> None:
        """Say one thing.

        Args:
            text: For a person.
            answer: For a program.
        """
        if self._as_json:
            self._print_json(answer)
        else:
            self.plain(text)

    def plain(self, text: str) -> None:
        """Print a text as it is."""
        self._console.print(Text(text), soft_wrap=True)

    def fields(self, answer: Mapping[str, Any]) -> None:
        """Show one thing with all that is known of it."""
        if self._as_json:
            self._print_json(answer)
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for name, value in _flat(answer):
            table.add_row(name.replace("_", " "), cell(value))
        self._console.print(table)

    def table(self, items: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Show many things of one kind.

        Args:
            items: As the API returns them.
            columns: Which of their members to show; a dot looks inside.
        """
        if self._as_json:
            # A line each, so that a long list can be piped while it comes.
            for item in items:
                self._print_json(item)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.rpartition(".")[2].replace("_", " "), overflow="fold")
        count = 0
        for item in items:
            count += 1
            table.add_row(*(cell(_inside(item, column)) for column in columns))
        if count:
            self._console.print(table)
        else:
            self.plain("none")

    def _print_json(self, answer: object) -> None:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


def cell(value: object) -> Text:
    """Return a value as people read it."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list):
        return Text(", ".join(str(each) for each in value))
    if isinstance(value, dict):
        return Text(json.dumps(value, ensure_ascii=False))
    text = str(value)
    return Text(local_time(text), style=_LED.get(text, ""))


def local_time(text: str) -> str:
    """Return an RFC 3339 time in this machine's own zone; any other text as it is."""
    if len(text) < len("2026-11-24T08:00:00Z") or text[10:11] != "T":
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


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
