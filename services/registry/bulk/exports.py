"""Exports: all devices and their pairings at one moment, as import files."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, LiteralString

from psycopg.rows import class_row

from services.registry.bulk import csv_file, jsonl_file
from services.registry.postgres.database import Connection
from shared.contract.devices import Kind

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
    """A row of the file."""

    kind: str
    id: str
    label: str
    location: str
    widget: str | None


def encode_head(format_: Format) -> bytes:
    """Return the part before all rows."""
    return csv_file.encode([_COLUMNS]) if format_ is Format.CSV else b""


def encode_rows(format_: Format, devices: Sequence[ExportedDevice]) -> bytes:
    """Return rows as the file has them."""
    cells = [(each.kind, each.id, each.label, each.location, each.widget) for each in devices]
    if format_ is Format.CSV:
        return csv_file.encode(cells)
    return jsonl_file.encode(
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
        kinds: Which kinds.
        format_: Of the file.
        into: Takes the pieces of the file.
    """
    into(encode_head(format_))
    for kind in kinds:
        # A named cursor lives in the server: our memory holds one chunk at a time.
        async with connection.cursor("export", row_factory=class_row(ExportedDevice)) as cursor:
            await cursor.execute(_QUERIES[kind])
            while devices := await cursor.fetchmany(CHUNK):
                into(encode_rows(format_, devices))
