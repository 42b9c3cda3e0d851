"""``chargelight import`` and ``chargelight export``: many devices at once."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.arguments import Replace
from services.cli.session import session_of

_MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


class Format(StrEnum):
    """How devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"


_Format = Annotated[Format | None, typer.Option("--format", help="Default: by the file's name.")]


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines; - for standard input.")],
    *,
    format_: _Format = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would happen.")
    ] = False,
    replace: Replace = False,
) -> None:
    """Register and pair all devices of a file, or none if anything in it is wrong."""
    session = session_of(context)
    content = sys.stdin.buffer.read() if str(file) == "-" else _content_of(file)
    chosen = format_ or _format_of(file)
    answer = session.api.upload(
        "/import",
        content,
        _MEDIA_TYPES[chosen],
        dry_run=dry_run or None,
        replace=replace or None,
    )
    session.output.fields(answer)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="- for standard output.")] = Path("-"),
    *,
    format_: _Format = None,
    kind: Annotated[str | None, typer.Option(help="charger or widget; default: both")] = None,
) -> None:
    """Write all devices and their pairings to a file that `import` takes."""
    session = session_of(context)
    pieces = session.api.download("/export", format=format_ or _format_of(file), kind=kind)
    if str(file) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    with file.open("wb") as written:
        for piece in pieces:
            written.write(piece)


def _content_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} can not be read: {error.strerror}") from error


def _format_of(file: Path) -> Format:
    return Format.JSONL if file.suffix in {".jsonl", ".ndjson"} else Format.CSV
