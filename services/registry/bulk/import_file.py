"""An import file that comes in pieces: its bytes in, its rows and mistakes out. No I/O."""

from collections.abc import Iterable
from typing import Final

from services.registry.bulk import csv_file, jsonl_file
from services.registry.bulk.csv_file import CsvReader
from services.registry.bulk.encoding import Decoder, NotDecodableError
from services.registry.bulk.jsonl_file import JsonlReader
from services.registry.bulk.lines import Reader, Record
from services.registry.bulk.mistakes import Mistakes
from services.registry.bulk.rows import Row, RowCheck

READERS: Final[dict[str, type[Reader]]] = {
    csv_file.MEDIA_TYPE: CsvReader,
    jsonl_file.MEDIA_TYPE: JsonlReader,
    jsonl_file.OTHER_MEDIA_TYPE: JsonlReader,
}
"""By media type."""

SLICE_BYTES: Final = 2048
"""How much of a file is read at once, at most: less than a millisecond of work, after which other
requests get their turn."""


class ImportFile:
    """Reads a file; it holds no more of it than a row.

    Args:
        media_type: One of `READERS`.
        codec: See `Decoder`.
    """

    def __init__(self, media_type: str, codec: str | None = None) -> None:
        self.mistakes = Mistakes()
        self._decoder = Decoder(codec)
        self._reader = READERS[media_type](self.mistakes)
        self._check = RowCheck(self.mistakes)
        self._gave_up = False

    def feed(self, piece: bytes) -> list[Row]:
        """Take a piece, and return the rows that are complete.

        Raises:
            TooManyRowsError: The file has too many.
        """
        if self._gave_up:
            return []
        try:
            text = self._decoder.decode(piece)
        except NotDecodableError as error:
            return self._give_up(error)
        return self._rows(self._reader.feed(text))

    def end(self) -> list[Row]:
        """Return the last rows.

        Raises:
            TooManyRowsError: The file has too many.
        """
        if self._gave_up:
            return []
        try:
            text = self._decoder.decode(b"", final=True)
        except NotDecodableError as error:
            return self._give_up(error)
        return self._rows(self._reader.feed(text)) + self._rows(self._reader.end())

    def _rows(self, records: Iterable[Record]) -> list[Row]:
        rows = (self._check.row(line, cells) for line, cells in records)
        return [row for row in rows if row is not None]

    def _give_up(self, error: NotDecodableError) -> list[Row]:
        self._gave_up = True
        rows = self._rows(self._reader.feed(error.before)) + self._rows(self._reader.cut())
        self.mistakes.add(self._reader.line, "", str(error))
        return rows
