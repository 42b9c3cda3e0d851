"""Events as lines: words for a person, JSON for a program."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec
from rich.console import Console
from rich.text import Text

WallClock = Callable[[], datetime]
"""Gives the time of day, with its zone."""


def wall_clock() -> datetime:
    """Return the time of day here."""
    return datetime.now().astimezone()


class EventOutput(Protocol):
    """Where events go."""

    def write(self, what: str, words: str, style: str = "", **facts: object) -> None:
        """Write one event.

        Args:
            what: Its name, for programs, for example ``connected``.
            words: The same for people.
            style: Colour of the words on a terminal.
            facts: What a program may want to know besides.
        """
        ...


class PlainLines:
    """For people: the time of day and the words.

    Args:
        console: Where to.
        clock: The time of day.
    """

    def __init__(self, console: Console, clock: WallClock) -> None:
        self._console = console
        self._clock = clock

    def write(self, what: str, words: str, style: str = "", **facts: object) -> None:
        """Print one line."""
        del what, facts
        line = Text.assemble((f"{self._clock():%H:%M:%S}  ", "dim"), (words, style))
        self._console.print(line, soft_wrap=True)


class JsonLines:
    """For programs: one JSON object per line, on standard output.

    Args:
        clock: The time of day.
    """

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock

    def write(self, what: str, words: str, style: str = "", **facts: object) -> None:
        """Print one object."""
        del style
        line = {"at": self._clock().isoformat(timespec="milliseconds"), "what": what}
        sys.stdout.write(msgspec.json.encode(line | facts | {"words": words}).decode() + "\n")
        sys.stdout.flush()


def make_event_output(*, as_json: bool) -> EventOutput:
    """Return an output to standard output."""
    return JsonLines(wall_clock) if as_json else PlainLines(make_console(), wall_clock)


def make_console() -> Console:
    """Return standard output as a terminal, or as what it is."""
    return Console(highlight=False, markup=False)
