"""The console's files: read once, and kept in memory, compressed too."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).with_name("static")

INDEX: Final = "index.html"

# Not by the machine's own table of types, which may lack or change some.
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class File(NamedTuple):
    """A file as it is sent."""

    body: bytes
    packed: bytes
    """The same, as gzip has it."""
    media_type: str
    etag: str
    """Weak, because it is the same for both."""


def read_files(folder: Path = FOLDER) -> Mapping[str, File]:
    """Return all files, by their paths below the folder.

    Raises:
        KeyError: Of one, the type is not known.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_of(path) for path in paths}


def file_of(path: Path) -> File:
    """Return a file."""
    return file_with(path.read_bytes(), _TYPES[path.suffix])


def file_with(body: bytes, media_type: str) -> File:
    """Return a file with some content."""
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    return File(body, gzip.compress(body, mtime=0), media_type, etag)
