"""Import and export files as JSON lines: an object on each, with the names of the columns."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from services.registry.bulk.lines import TOO_LONG, Reader, Record, TooLongError
from services.registry.bulk.mistakes import shorten
from services.registry.bulk.rows import COLUMNS, unknown_column

MEDIA_TYPE: Final = "application/jsonl"
OTHER_MEDIA_TYPE: Final = "application/x-ndjson"


class _LineError(ValueError):
    """A line is not what it must be."""

    def __init__(self, problem: str, column: str = "") -> None:
        super().__init__(problem)
        self.column = column


class JsonlReader(Reader):
    """Reads an object for each device."""

    def _records(self) -> Iterator[Record]:
        try:
            for text in self._lines:
                self._lines.begin_row()
                line = self._lines.taken
                if not text.isspace() and (cells := self._take(line, text)) is not None:
                    yield line, cells
        except TooLongError:
            self._give_up(self._lines.taken, TOO_LONG)

    def _take(self, line: int, text: str) -> Mapping[str, str | None] | None:
        try:
            found = _decode(text)
        except _LineError as error:
            self._mistakes.add(line, error.column, str(error))
            return None
        return self._cells(line, found)

    def _cells(self, line: int, found: Mapping[str, Any]) -> Mapping[str, str | None] | None:
        cells: dict[str, str | None] = {}
        for name, value in found.items():
            if name not in COLUMNS:
                self._mistakes.add(line, _shown(name), unknown_column(name))
            elif value is None or isinstance(value, str):
                cells[name] = value and value.strip()
            else:
                self._mistakes.add(line, name, "must be a text, in quotes")
                # Not missing, so nothing else must say so.
                if name in ("kind", "id"):
                    return None
        return cells


def _decode(text: str) -> dict[str, Any]:
    try:
        found = _DECODER.decode(text.strip(" \t\n"))
    except _LineError:
        raise
    except (ValueError, RecursionError) as error:
        raise _LineError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _LineError("not an object: {…}")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _count), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise _LineError("this name is used twice", _shown(name))
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not part of JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _shown(name: str) -> str:
    """Return a name that JSON can hold: shortened, and without half surrogate pairs."""
    return shorten(name).encode(errors="backslashreplace").decode()


def encode(rows: list[dict[str, str]]) -> bytes:
    """Return objects as a file has them."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
