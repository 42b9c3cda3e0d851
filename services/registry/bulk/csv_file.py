"""Import and export files as CSV (RFC 4180)."""

import csv
import io
from collections.abc import Iterator, Sequence

from services.registry.bulk.rows import COLUMNS, REQUIRED, File, shorten, unknown_column

MEDIA_TYPE = "text/csv"


def read(text: str) -> File:
    """Read a file: a row of names, then a row for each device.

    Raises:
        TooManyRowsError: It has too many.
    """
    file = File()
    header: list[str] | None = None
    known: list[str] = []
    for line, cells in _read_records(text, file):
        if header is None:
            header = [cell.strip() for cell in cells]
            known = _check_header(header, line, file)
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


def _read_records(text: str, file: File) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not empty, with the line on which each begins."""
    # newline="": the line ends inside of quotes are the cell's own.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # Nothing says where the next record begins.
            file.mistakes.add(line, "", f"not CSV ({error}); the rest of the file was not read")
            return
        if any(cells):
            yield line, cells


def _check_header(header: Sequence[str], line: int, file: File) -> list[str]:
    """Return the known columns of a header, and add its mistakes."""
    if len(header) == 1 and any(separator in header[0] for separator in ";\t"):
        file.mistakes.add(line, "", "columns must be separated by commas")
        return []
    if not set(REQUIRED) & set(header):
        # Probably a device. It is not quoted, because it may hold a secret.
        file.mistakes.add(line, "", f"it must name the columns: {','.join(COLUMNS)}")
        return []
    for position, name in enumerate(header):
        if name not in COLUMNS:
            file.mistakes.add(line, shorten(name), unknown_column(name))
        elif name in header[:position]:
            file.mistakes.add(line, name, "this column is named twice")
    for name in REQUIRED:
        if name not in header:
            file.mistakes.add(line, name, "this column is missing")
    return [name for name in header if name in COLUMNS]


def encode(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Return rows as a file has them; None as an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
