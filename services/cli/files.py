"""Files of this machine that commands read and write; ``-`` stands for the standard streams."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from services.cli.failures import WrongUseError

STANDARD: Final = Path("-")
"""Standard input or output, as the name of a file."""

PIECE_BYTES: Final = 64 * 1024
_PRIVATE: Final = 0o600


@contextlib.contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file to read.

    Raises:
        WrongUseError: It cannot be read.
    """
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    with as_wrong_use(file, "read"), file.open("rb") as content:
        yield content


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is in a file, `PIECE_BYTES` at a time."""
    while piece := file.read(PIECE_BYTES):
        yield piece


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        WrongUseError: It is there already, or cannot be written.
    """
    with as_wrong_use(file, "written"):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)


@contextlib.contextmanager
def as_wrong_use(file: Path, done: str) -> Iterator[None]:
    """Raise `WrongUseError` for what the operating system says of a file."""
    try:
        yield
    except OSError as error:
        raise WrongUseError(f"{file} cannot be {done}: {error.strerror}") from error
