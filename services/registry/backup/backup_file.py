r"""The form of a backup: lines of text, each table as Postgres' COPY writes it.

::

    {"format":"chargelight-backup","version":1,…}       what it is: see `Header`
    {"table":"chargers","columns":["id",…]}
    c1234	…                                           a row per line
    \.                                                   COPY writes no row like this
    {"table":"widgets",…}
    …
    {"sha256":"…"}                                       of all bytes above

The checksum finds accidents. It does not prove who wrote the file.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import msgspec

from services.registry.backup.refusal import RefusedError

FORMAT: Final = "chargelight-backup"
VERSION: Final = 1
WARNING: Final = "digests of secrets, hashes of API keys, tickets of visitors: keep it like a key"

_END_OF_TABLE: Final = b"\\.\n"
_BLOCK_BYTES: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 24
"""In bytes; the longest row is an audit entry of some hundred."""


class _Beginning(msgspec.Struct):
    """What backups of all versions begin with."""

    format: str
    version: int


class Header(msgspec.Struct, kw_only=True):
    """The first line."""

    format: str = FORMAT
    version: int = VERSION
    holds: str = WARNING
    taken_at: str
    """By Postgres' clock: 2026-11-24 20:52:07 UTC."""
    migrations: list[tuple[str, str]]
    """Name and checksum of each that was applied: the version of the schema."""
    sequences: dict[str, int]
    """The last number of each, 0: none."""


class _Section(msgspec.Struct):
    """Another line between rows."""

    table: str = ""
    columns: list[str] = []
    sha256: str = ""
    """With it, the backup ends."""


class BackupWriter:
    """Writes a backup, from its header to `end`."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.write(msgspec.json.encode(header) + b"\n")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write a row of the present table, with its line end."""
        if len(data) > _LONGEST_LINE:
            raise RefusedError(f"a row has {len(data)} bytes, and restore reads {_LONGEST_LINE}")
        self._hash.update(data)
        self._file.write(data)

    def begin_table(self, table: str, columns: Sequence[str]) -> None:
        """Begin a table."""
        self.write(msgspec.json.encode({"table": table, "columns": columns}) + b"\n")

    def end_table(self) -> None:
        """End the present table."""
        self.write(_END_OF_TABLE)

    def end(self) -> None:
        """End the backup. Without this it is refused."""
        self.write(msgspec.json.encode({"sha256": self._hash.hexdigest()}) + b"\n")


class BackupReader:
    """Reads a backup in order: `next_table`, its `rows`, and again. It needs little memory.

    All methods raise `RefusedError` if the file is no backup, of a newer version, half or damaged.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.header = self._read_header()
        """What the file says of itself; not verified before `next_table` has returned None."""

    def next_table(self) -> tuple[str, list[str]] | None:
        """Return the next table's name and columns; None at the end, if the checksum is right."""
        found = self._hash.hexdigest()
        try:
            section = msgspec.json.decode(self._line(), type=_Section)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RefusedError("the backup is damaged: a line is not what it should be") from error
        if not section.sha256:
            return section.table, section.columns
        if section.sha256 != found or self._file.read(1):
            raise RefusedError("the backup is damaged: its checksum (SHA-256) is another one")
        return None

    def rows(self) -> Iterator[bytes]:
        """Yield the rows of the table, many at a time."""
        lines: list[bytes] = []
        size = 0
        while (line := self._line()) != _END_OF_TABLE:
            lines.append(line)
            size += len(line)
            if size >= _BLOCK_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
        yield b"".join(lines)

    def _read_header(self) -> Header:
        # Enough for any header, and no more: a foreign file may have no line ends.
        line = self._file.readline(_BLOCK_BYTES)
        self._hash.update(line)
        try:
            beginning = msgspec.json.decode(line, type=_Beginning)
            if beginning.format != FORMAT:
                raise RefusedError("this is no backup of Chargelight")
            if beginning.version > VERSION:
                raise RefusedError(
                    f"the backup has format {beginning.version}, and this version knows {VERSION}: "
                    "use the version that made it"
                )
            return msgspec.json.decode(line, type=Header)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RefusedError("this is no backup of Chargelight") from error

    def _line(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise RefusedError("the backup ends in the middle: it was not written or copied whole")
        self._hash.update(line)
        return line
