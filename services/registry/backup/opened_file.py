"""The file of a backup, or standard input and output.

A file that is written appears whole or not at all, and only its owner may read it.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

STANDARD: Final = "-"
"""The name of standard input and output."""


class WrongFileError(Exception):
    """A command cannot work with this file; the text says what is right."""


@contextlib.contextmanager
def opened_to_read(name: str) -> Iterator[BinaryIO]:
    """Give a file to read.

    Raises:
        WrongFileError: It cannot be opened.
    """
    if name == STANDARD and sys.stdin.isatty():
        raise WrongFileError("standard input is a terminal: add < FILE (docker-compose run: -T)")
    try:
        file = open(  # noqa: SIM115 - only a failure to open it is wrong use
            sys.stdin.fileno() if name == STANDARD else name, "rb", closefd=name != STANDARD
        )
    except OSError as error:
        raise WrongFileError(f"{name}: {error.strerror}") from error
    with file:
        yield file


@contextlib.contextmanager
def opened_to_write(name: str) -> Iterator[BinaryIO]:
    """Give a file to write; it takes its name once it is written and on the disk.

    Its mode is 0600. If the writing fails or is interrupted, nothing is left, and a file that had
    the name before stays.

    Raises:
        WrongFileError: There can be no file of this name.
        OSError: It cannot be written.
    """
    if name == STANDARD:
        if sys.stdout.isatty():
            raise WrongFileError(
                "standard output is a terminal: add > FILE (docker-compose run: -T)"
            )
        with open(sys.stdout.fileno(), "wb", closefd=False) as standard:
            yield standard
        return
    path = Path(name).resolve()
    if not path.parent.is_dir():
        raise WrongFileError(f"{name}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise WrongFileError(f"{name} is no file")
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(number)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
