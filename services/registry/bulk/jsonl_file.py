"""Import and export files as JSON lines: an object on each, with the names of the columns."""

import json
from typing import Any, Final

import msgspec

from services.registry.bulk.rows import COLUMNS, File, shorten, unknown_column

MEDIA_TYPE: Final = "application/jsonl"
OTHER_MEDIA_TYPE: Final = "application/x-ndjson"


class _TwiceError(ValueError):
    """A name is used twice in an object."""


def read(text: str) -> File:
    """Read a file: an object for each device.

    Raises:
        TooManyRowsError: It has too many.
    """
    file = File()
    # Not splitlines: a label may hold what Unicode counts as the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.isspace():
            _take(file, number, line)
    return file


def _take(file: File, number: int, line: str) -> None:
    try:
        found = _DECODER.decode(line.strip(" \t\r"))
    except _TwiceError as error:
        file.mistakes.add(number, str(error), "this name is used twice")
        return
    except (ValueError, RecursionError) as error:
        file.mistakes.add(number, "", f"not JSON: {error}")
        return
    if not isinstance(found, dict):
        file.mistakes.add(number, "", "not an object: {…}")
        return
    cells: dict[str, str | None] = {}
    for name, value in found.items():
        if name not in COLUMNS:
            file.mistakes.add(number, _shown(name), unknown_column(name))
        elif value is None or isinstance(value, str):
            cells[name] = value
        else:
            file.mistakes.add(number, name, "must be a text, in quotes")
            # Not missing, so `File` must not say so.
            if name in ("kind", "id"):
                return
    file.add(number, cells)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(_shown(next(name for name in names if names.count(name) > 1)))
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
