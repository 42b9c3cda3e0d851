"""Exports: all devices and their pairings at one moment, as import files."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, LiteralString

from psycopg.rows import class_row

from services.registry.bulk import csv_file, jsonl_file
from services.registry.kind import Kind
from services.registry.postgres.database import Connection

CHUNK: Final = 1000
"""Rows in memory at once."""

_COLUMNS: Final = ("kind", "id", "label", "location", "widget")

_QUERIES: Final[dict[Kind, LiteralString]] = {
    Kind.CHARGER: """
        SELECT 'charger' AS kind, chargers.id, chargers.label, chargers.location,
               pairings.widget_id AS widget
        FROM chargers
        LEFT JOIN pairings ON pairings.charger_id = chargers.id
        ORDER BY chargers.id
    """,
    Kind.WIDGET: """
        SELECT 'widget' AS kind, id, label, location, NULL AS widget
        FROM widgets
        ORDER BY id
    """,
}


class Format(StrEnum):
    """How devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        return csv_file.MEDIA_TYPE if self is Format.CSV else jsonl_file.MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class ExportedDevice:
    """A row."""

    kind: str
    id: str
    label: str
    location: str
    widget: str | None


def head(format_: Format) -> bytes:
    """Return what stands before all rows."""
    return csv_file.written([_COLUMNS]) if format_ is Format.CSV else b""


def body(format_: Format, devices: Sequence[ExportedDevice]) -> bytes:
    """Return rows as they stand in the file."""
    cells = [(each.kind, each.id, each.label, each.location, each.widget) for each in devices]
    if format_ is Format.CSV:
        return csv_file.written(cells)
    return jsonl_file.written(
        [
            {name: cell for name, cell in zip(_COLUMNS, row, strict=True) if cell is not None}
            for row in cells
        ]
    )


async def write(
    connection: Connection,
    kinds: Collection[Kind],
    format_: Format,
    into: Callable[[bytes], object],
) -> None:
    """Write all devices of these kinds.

    Args:
        connection: One of ``Database.snapshot``.
        kinds: Which.
        format_: How.
        into: Takes the pieces.
    """
    into(head(format_))
    for kind in kinds:
        # A named cursor lives in the server: they are never whole in our memory.
        async with connection.cursor("export", row_factory=class_row(ExportedDevice)) as cursor:
            await cursor.execute(_QUERIES[kind])
            while devices := await cursor.fetchmany(CHUNK):
                into(body(format_, devices))
