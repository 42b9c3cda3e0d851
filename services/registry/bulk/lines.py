"""The lines of an import file that comes in pieces, and what reads rows from them. No I/O."""

import io
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from services.registry.bulk.mistakes import Mistakes
from services.registry.errors import TooManyRowsError

MAX_CHARACTERS: Final = 16_384
"""Of one row. The longest that can be imported, with all escaped, needs half of it."""

TOO_LONG: Final = (
    f"longer than {MAX_CHARACTERS:,} characters, so the rest of the file was not read. Is a "
    "closing quote missing, or a line end?"
)


MAX_LINES: Final = 1_048_576
"""Of a file: as many rows as a spreadsheet has, empty ones included."""

Record = tuple[int, Mapping[str, str | None]]
"""The line on which a row begins, and its cells by column."""


class TooLongError(Exception):
    """A row has more than `MAX_CHARACTERS`."""


class Lines(Iterator[str]):
    """Lines, each with a line feed at its end, in the order in which they came.

    Iterating ends where no further line is there yet, and goes on once there is one. One who
    reads rows of several lines calls `begin_row` before each: no row takes more than
    `MAX_CHARACTERS`, so a row is all there as soon as that much text waits.
    """

    def __init__(self) -> None:
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._waiting: deque[str] = deque()
        self._size = 0
        self._tail = ""
        self._row = 0
        self._ended = False
        self.taken = 0
        """How many lines were taken so far."""

    def feed(self, text: str) -> None:
        """Take a piece."""
        *lines, tail = self._newlines.decode(text).split("\n")
        if lines:
            lines[0] = self._tail + lines[0]
            self._tail = ""
            self._add(lines)
        self._tail += tail
        if len(self._tail) > MAX_CHARACTERS:
            self._flush()

    def end(self) -> None:
        """Note that no further piece comes: the last line needs no end."""
        self.feed(self._newlines.decode("", final=True))
        self._flush()
        self._ended = True

    def cut(self) -> None:
        """Note that what comes after the last line end cannot be read."""
        self._ended = True

    def _flush(self) -> None:
        if self._tail:
            self._add([self._tail])
            self._tail = ""

    def _add(self, lines: list[str]) -> None:
        self._waiting.extend([f"{line}\n" for line in lines])
        self._size += sum(map(len, lines)) + len(lines)

    @property
    def has_row(self) -> bool:
        """Whether the next row, however many lines it has, is all there."""
        return self._size > MAX_CHARACTERS or self._ended

    def first_with_text(self, blank: str) -> str:
        """Skip lines of ``blank`` characters only; return the one after them, or an empty one."""
        while self._waiting and not self._waiting[0].strip(blank):
            self._take()
        return self._waiting[0] if self._waiting else ""

    def begin_row(self) -> None:
        """Count the characters of a row from here on."""
        self._row = 0

    def __next__(self) -> str:
        """Take a line.

        Raises:
            TooLongError: The row is too long.
            TooManyRowsError: The file has more than `MAX_LINES`.
        """
        if not self._waiting:
            raise StopIteration
        line = self._take()
        self._row += len(line)
        if self._row > MAX_CHARACTERS:
            raise TooLongError
        return line

    def _take(self) -> str:
        self.taken += 1
        if self.taken > MAX_LINES:
            raise TooManyRowsError(f"the file has more than {MAX_LINES:,} lines; send it in parts")
        line = self._waiting.popleft()
        self._size -= len(line)
        return line


class Reader(ABC):
    """Reads a file piece by piece.

    Args:
        mistakes: Where mistakes are added.
    """

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._lines = Lines()
        self._gave_up = False
        """Whether the rest of the file cannot be told into rows, or is not worth it."""

    def feed(self, text: str) -> Iterator[Record]:
        """Take a piece, and yield the rows that are complete."""
        if not self._gave_up:
            self._lines.feed(text)
            yield from self._records()

    def end(self) -> Iterator[Record]:
        """Yield the last rows."""
        if not self._gave_up:
            self._lines.end()
            yield from self._records()

    def cut(self) -> Iterator[Record]:
        """Yield the last rows before a line that cannot be read."""
        if not self._gave_up:
            self._lines.cut()
            yield from self._records()

    @property
    def line(self) -> int:
        """The number of the line that is read next."""
        return self._lines.taken + 1

    @abstractmethod
    def _records(self) -> Iterator[Record]:
        """Yield the rows that are complete."""

    def _give_up(self, line: int, problem: str) -> None:
        self._mistakes.add(line, "", problem)
        self._gave_up = True
