"""Import files of all sizes, and such as nobody means well with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.registry.bulk.lines import MAX_LINES
from services.registry.bulk.rows import MAX_ROWS

MIB = 1024 * 1024
LIMIT_BYTES = 64 * MIB
HEADER = b"kind,id,label,location,widget\n"


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file, made while it is sent: this process must not need the memory either."""

    head: bytes
    row: bytes
    """Repeated; ``%d`` is its number, if it is there."""
    rows: int
    status: int
    """Of the right answer."""

    def pieces(self) -> Iterator[bytes]:
        yield self.head
        has_number = b"%" in self.row
        for start in range(0, self.rows, 1000):
            numbers = range(start, min(start + 1000, self.rows))
            yield b"".join(self.row % number if has_number else self.row for number in numbers)


def booth(devices: int, words: str = "") -> Iterator[bytes]:
    """A file of so many devices, half of them chargers, each paired with a widget."""
    yield HEADER
    label = words.encode()
    for start in range(0, devices // 2, 500):
        yield b"".join(
            b"charger,c%06d,%s%d,%s,w%06d\nwidget,w%06d,%s%d,%s,\n"
            % (n, label, n, label, n, n, label, n, label)
            for n in range(start, min(start + 500, devices // 2))
        )


def hostile(share: float) -> Mapping[str, ImportFile]:
    """Files that are refused, each as large as one may be (or a share of that)."""
    size = int(LIMIT_BYTES * share) - 1000

    def of(row: bytes, status: int, head: bytes = HEADER, at_least: int = 0) -> ImportFile:
        return ImportFile(head, row, max(size // len(row), at_least), status)

    names = b"kind,id," + b",".join(b"name%05d" % number for number in range(40_000))
    return {
        "40,000 names": ImportFile(names + b"\n", b"charger,c1\n", 1, 422),
        "names only": of(b"name,", 422, b"kind,id,"),
        "one endless cell": of(b"x" * 100, 422),
        "a quote left open": of(b'"",\n', 422, HEADER + b'"'),
        "every row wrong": of(b"phone,!,\x01" + b"x" * 400 + b",,a b\n", 422),
        "empty lines": of(b"\n", 413, at_least=MAX_LINES),
        "too many rows": of(b"charger,c%07d,,,\n", 413, at_least=MAX_ROWS + 1),
    }
