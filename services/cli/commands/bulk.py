"""``chargelight import`` and ``chargelight export``: many devices at once."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import Replace
from services.cli.failures import WrongUseError
from services.cli.session import session_of
from shared.contract.devices import Kind

_MEDIA_TYPES: Final = {"csv": "text/csv", "jsonl": "application/jsonl"}
_ORDINARY: Final = 0o666
"""Mode of a new file, but for the umask."""


class Format(StrEnum):
    """How devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"


_BY_NAME: Final = {".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}
_STANDARD: Final = Path("-")

_Format = Annotated[
    Format | None, typer.Option("--format", help="Default: by the file's name; of -, csv.")
]


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or JSON lines; - for standard input.")
    ],
    *,
    format_: _Format = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would happen.")
    ] = False,
    replace: Replace = False,
) -> None:
    """Register and pair all devices of a file, or none if anything in it is wrong."""
    session = session_of(context)
    media_type = _MEDIA_TYPES[format_ or _format_of(file)]
    answer = session.api.upload(
        address("import"),
        _content_of(file),
        media_type,
        dry_run=dry_run or None,
        replace=replace or None,
    )
    session.output.fields(answer)


def export(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Default: standard output.", show_default=False)
    ] = _STANDARD,
    *,
    format_: _Format = None,
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
) -> None:
    """Write all devices and their pairings to a file that `import` takes."""
    session = session_of(context)
    chosen = format_ or _format_of(file)
    pieces = session.api.download(address("export"), format=chosen, kind=kind)
    if file == _STANDARD:
        for piece in pieces:
            session.output.raw(piece)
        return
    with _replacing(file) as written:
        for piece in pieces:
            written.write(piece)


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """Yield a file that replaces another one only when it is complete.

    Half an export could be imported without an error.
    """
    if file.exists() and not file.is_file():  # /dev/stdout, a pipe
        with _as_wrong_use(file, "written"), file.open("wb") as written:
            yield written
        return
    with _as_wrong_use(file, "written"):
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        new = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as written:
                yield written
            new.chmod(file.stat().st_mode if file.exists() else _ORDINARY & ~_umask())
            new.replace(file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _umask() -> int:
    # The only way to ask for it is to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _content_of(file: Path) -> bytes:
    if file == _STANDARD:
        return sys.stdin.buffer.read()
    with _as_wrong_use(file, "read"):
        return file.read_bytes()


@contextlib.contextmanager
def _as_wrong_use(file: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WrongUseError(f"{file} cannot be {done}: {error.strerror}") from error


def _format_of(file: Path) -> Format:
    if file == _STANDARD:
        return Format.CSV
    found = _BY_NAME.get(file.suffix.lower())
    if found is None:
        raise WrongUseError(
            f"the name {file.name} does not say in which format it is. End it with .csv or .jsonl, "
            "or add --format"
        )
    return found
