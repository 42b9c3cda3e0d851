"""Import files as CSV (RFC 4180), and how devices are written as such."""

import csv
import io
from collections.abc import Iterator, Sequence

from services.registry.bulk.rows import COLUMNS, REQUIRED, File, cut, unknown_column

MEDIA_TYPE = "text/csv"


def read(text: str) -> File:
    """Read a file: a row of names, then a row for each device.

    Raises:
        TooManyRowsError: It has too many.
    """
    file = File()
    header: list[str] | None = None
    known: list[str] = []
    for line, cells in _records(text, file):
        if header is None:
            header = [cell.strip() for cell in cells]
            known = _checked(header, line, file)
            if not set(REQUIRED) <= set(known):
                return file
        elif len(cells) != len(header):
            file.mistakes.add(
                line, "", f"it has {len(cells)} cells, and the first line names {len(header)}"
            )
        else:
            file.add(line, dict(zip(header, cells, strict=True)))
    if header is None and not file.mistakes.total:
        file.mistakes.add(1, "", f"empty: the first line names the columns, {','.join(COLUMNS)}")
    return file


def _records(text: str, file: File) -> Iterator[tuple[int, list[str]]]:
    """Yield what is not empty, with the line on which it begins."""
    # newline="": the line ends inside of quotes are the cell's own.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Where the next record begins is anybody's guess.
            file.mistakes.add(line, "", f"not CSV ({error}); what comes after it was not looked at")
            return
        if any(cells):
            yield line, cells


def _checked(header: Sequence[str], line: int, file: File) -> list[str]:
    """Return the known columns of a header, and note what is wrong with it."""
    if len(header) == 1 and any(separator in header[0] for separator in ";\t"):
        file.mistakes.add(line, "", "columns are separated by commas, not by anything else")
        return []
    if not set(REQUIRED) & set(header):
        # A device, it seems. Not repeated, because there may be a secret in it.
        file.mistakes.add(line, "", f"it must name the columns: {','.join(COLUMNS)}")
        return []
    for position, name in enumerate(header):
        if name not in COLUMNS:
            file.mistakes.add(line, cut(name), unknown_column(name))
        elif name in header[:position]:
            file.mistakes.add(line, name, "this column is there twice")
    for name in REQUIRED:
        if name not in header:
            file.mistakes.add(line, name, "this column must be there")
    return [name for name in header if name in COLUMNS]


def written(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Return rows as they stand in a file; None as an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
