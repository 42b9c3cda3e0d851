"""Import and export files as CSV (RFC 4180), and as spreadsheets write it."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from services.registry.bulk import cells
from services.registry.bulk.lines import TOO_LONG, Reader, Record, TooLongError
from services.registry.bulk.mistakes import Mistakes, shorten
from services.registry.bulk.rows import COLUMNS, REQUIRED, unknown_column

MEDIA_TYPE: Final = "text/csv"

MAX_COLUMNS: Final = 100
_SEPARATORS: Final = ",;\t"
_BLANK: Final = f"{_SEPARATORS} \r\n"


class CsvReader(Reader):
    """Reads a row of names, then a row for each device."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__(mistakes)
        self._rows: Iterator[list[str]]
        self._columns: list[str] | None = None

    def end(self) -> Iterator[Record]:
        """Yield the last rows."""
        yield from super().end()
        if self._columns is None and not self._mistakes.total:
            names = ",".join(COLUMNS)
            self._mistakes.add(1, "", f"empty: the first line names the columns, {names}")

    def _records(self) -> Iterator[Record]:
        if self._columns is None:
            self._detect_separator()
        while self._lines.has_row and not self._gave_up:
            line = self.line
            row = self._next_row(line)
            if row is None:
                return
            if not any(row):
                continue
            if self._columns is None:
                self._columns = self._check_header(row, line)
            elif (record := self._record(row, line)) is not None:
                yield line, record

    def _detect_separator(self) -> None:
        """Take the separator that makes most columns of the first line with any text."""
        first = self._lines.first_with_text(_BLANK)

        def known(separator: str) -> int:
            return len(set(COLUMNS).intersection(map(_name, _split(first, separator))))

        best = max(_SEPARATORS, key=known)
        self._rows = csv.reader(self._lines, strict=True, delimiter=best)

    def _next_row(self, line: int) -> list[str] | None:
        """Return the next row, without spaces around cells; None: there is none."""
        self._lines.begin_row()
        try:
            return [cell.strip() for cell in next(self._rows)]
        except StopIteration:
            return None
        except TooLongError:
            self._give_up(line, TOO_LONG)
        except csv.Error as error:
            # Nothing says where the next row begins.
            self._give_up(line, f"not CSV ({error}); the rest of the file was not read")
        return None

    def _record(self, row: list[str], line: int) -> Mapping[str, str | None] | None:
        columns = self._columns or []
        # Spreadsheets leave out the last empty cells of a row, or add more of them.
        row.extend([""] * (len(columns) - len(row)))
        if any(row[len(columns) :]):
            self._mistakes.add(
                line, "", f"it has {len(row)} cells, and the first line names {len(columns)}"
            )
            return None
        return dict(zip(columns, map(cells.restored, row), strict=False))

    def _check_header(self, row: Sequence[str], line: int) -> list[str]:
        """Return the columns that a first line names, and add its mistakes."""
        names = [_name(cell) for cell in row]
        while not names[-1]:
            names.pop()
        if not set(REQUIRED) & set(names):
            # Probably a device. It is not quoted, because it may hold a secret.
            self._give_up(
                line,
                f"it must name the columns: {','.join(COLUMNS)}, with commas, semicolons or tabs "
                "between them",
            )
        elif len(names) > MAX_COLUMNS:
            self._give_up(line, f"it names {len(names):,} columns; there may be {MAX_COLUMNS}")
        else:
            self._check_names(names, line)
            self._gave_up = not set(REQUIRED) <= set(names)
        return names

    def _check_names(self, names: Sequence[str], line: int) -> None:
        for position, name in enumerate(names):
            if not name:
                self._mistakes.add(line, "", f"column {position + 1} has no name")
            elif name not in COLUMNS:
                self._mistakes.add(line, shorten(name), unknown_column(name))
            elif name in names[:position]:
                self._mistakes.add(line, name, "this column is named twice")
        for name in REQUIRED:
            if name not in names:
                self._mistakes.add(line, name, "this column is missing")


def _name(cell: str) -> str:
    return cell.strip().lower()


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def encode(
    rows: Sequence[Sequence[str | None]], written: Callable[[str], str] = cells.unambiguous
) -> bytes:
    """Return rows as a file has them; None as an empty cell.

    Args:
        rows: Their cells.
        written: How a cell is written.
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows([written(cell or "") for cell in row] for row in rows)
    return text.getvalue().encode()
