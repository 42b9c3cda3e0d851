"""Exports: all devices and their pairings at one moment, as import files."""

import codecs
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Final, LiteralString, NamedTuple

from psycopg.rows import class_row

from services.registry.bulk import cells, csv_file, jsonl_file
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import server_cursor
from shared.contract.devices import Kind

CHUNK: Final = 1000
"""Rows in memory at once."""

_QUERIES: Final[dict[Kind, LiteralString]] = {
    Kind.CHARGER: """
        SELECT 'charger' AS kind, chargers.id, chargers.label, chargers.location,
               chargers.booth, pairings.widget_id AS widget
        FROM chargers
        LEFT JOIN pairings ON pairings.charger_id = chargers.id
        WHERE NOT chargers.canary
          AND (%(booth)s::text IS NULL OR chargers.booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
        ORDER BY chargers.id
    """,
    Kind.WIDGET: """
        SELECT 'widget' AS kind, id, label, location, booth, NULL AS widget
        FROM widgets
        WHERE NOT canary
          AND (%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
        ORDER BY id
    """,
}


class Format(StrEnum):
    """How devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    SPREADSHEET = "spreadsheet"
    """CSV in which no cell is a formula."""

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        return jsonl_file.MEDIA_TYPE if self is Format.JSONL else csv_file.MEDIA_TYPE

    @property
    def suffix(self) -> str:
        """How the name of such a file ends."""
        return "jsonl" if self is Format.JSONL else "csv"


class ExportedDevice(NamedTuple):
    """A row of the file."""

    kind: str
    id: str
    label: str
    location: str
    booth: str | None
    widget: str | None


def encode_head(format_: Format) -> bytes:
    """Return the part before all rows."""
    if format_ is Format.JSONL:
        return b""
    # Without the mark, Excel takes UTF-8 for its code page.
    mark = codecs.BOM_UTF8 if format_ is Format.SPREADSHEET else b""
    return mark + csv_file.encode([ExportedDevice._fields])


def encode_rows(format_: Format, devices: Sequence[ExportedDevice]) -> bytes:
    """Return rows as the file has them."""
    if format_ is Format.JSONL:
        return jsonl_file.encode(
            [
                {name: cell for name, cell in each._asdict().items() if cell is not None}
                for each in devices
            ]
        )
    written = cells.as_text if format_ is Format.SPREADSHEET else cells.unambiguous
    return csv_file.encode(devices, written)


async def write(
    connection: Connection,
    kinds: Collection[Kind],
    booth: str | None,
    format_: Format,
    into: Callable[[bytes], object],
) -> None:
    """Write all devices of these kinds in pieces; needs a snapshot, to be of one moment.

    Only those of a booth, if one is named; empty: of none.
    """
    into(encode_head(format_))
    for kind in kinds:
        async with server_cursor(connection, "export", class_row(ExportedDevice)) as cursor:
            await cursor.execute(_QUERIES[kind], {"booth": booth})
            while devices := await cursor.fetchmany(CHUNK):
                into(encode_rows(format_, devices))
