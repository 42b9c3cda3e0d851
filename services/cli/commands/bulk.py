"""``chargelight import`` and ``chargelight export``: many devices at once."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import DryRun, OfBooth, Replace
from services.cli.failures import WrongUseError
from services.cli.files import STANDARD, as_wrong_use, opened
from services.cli.progress import shown_progress
from services.cli.session import session_of
from shared.contract.devices import Kind

_MEDIA_TYPES: Final = {"csv": "text/csv", "jsonl": "application/jsonl"}
_OUTCOME: Final = (
    *(
        "line",
        "kind",
        "id",
        "device",
        "booth",
        "widget",
        "pairing",
        "former_widget",
        "former_charger",
    ),
    *("secret", "similar"),
)
_SAVE_AS_CSV: Final = "Save it there as CSV"
_WRITE_CSV: Final = "Write a .csv file, with --format spreadsheet, and open that there"
_ORDINARY: Final = 0o666
"""Mode of a new file, but for the umask."""


class Format(StrEnum):
    """How devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"


class ExportFormat(StrEnum):
    """How exported devices stand in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    SPREADSHEET = "spreadsheet"


_BY_NAME: Final = {".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}
_WORKBOOKS: Final = {".xlsx", ".xls", ".xlsm", ".ods", ".numbers"}

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
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Of a file that is neither UTF-8 nor UTF-16: windows-1252, say.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    create_booths: Annotated[
        bool, typer.Option("--create-booths", help="Make booths that are not there.")
    ] = False,
) -> None:
    """Register and pair all devices of a file, or none if anything in it is wrong."""
    session = session_of(context)
    media_type = _MEDIA_TYPES[format_ or _format_of(file, _SAVE_AS_CSV)]
    if encoding is not None:
        media_type = f"{media_type}; charset={encoding}"
    with opened(file) as content, shown_progress(_size_of(content)) as sent:
        answer = session.api.upload(
            address("import"),
            sent(content),
            media_type,
            dry_run=dry_run or None,
            replace=replace or None,
            create_booths=create_booths or None,
        )
    session.output.outcomes(answer, "outcomes", _OUTCOME)
    if found := answer.get("similar_devices"):
        session.output.note(_beside_others(found, answer["similar"]))


def _beside_others(found: Sequence[Mapping[str, str]], number: int) -> str:
    """Say which devices of a file differ from others only in capitals, and what to do."""
    names = [f"{each['kind']} {each['id']} beside {each['similar']}" for each in found]
    if number > len(names):
        names.append(f"{number - len(names)} more")
    first = found[0]
    return (
        f"Ids that differ from others only in capitals: {', '.join(names)}. If one is a mistake: "
        f"chargelight {first['kind']}s unregister {first['id']}"
    )


def export(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Default: standard output.", show_default=False)
    ] = STANDARD,
    *,
    format_: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="Default: by the file's name; of -, csv. In a file for spreadsheets no cell is a "
            "formula.",
        ),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    booth: OfBooth = None,
) -> None:
    """Write all devices and their pairings to a file that `import` takes."""
    session = session_of(context)
    chosen = format_ or _format_of(file, _WRITE_CSV)
    pieces = session.api.download(address("export"), format=chosen, kind=kind, booth=booth)
    if file == STANDARD:
        for piece in pieces:
            session.output.raw(piece)
        return
    with replacing(file) as written:
        for piece in pieces:
            written.write(piece)


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[IO[bytes]]:
    """Yield a file that replaces another one only when it is complete.

    Half an export could be imported without an error.
    """
    if file.exists() and not file.is_file():  # /dev/stdout, a pipe
        with as_wrong_use(file, "written"), file.open("wb") as written:
            yield written
        return
    with as_wrong_use(file, "written"):
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


def _size_of(content: IO[bytes]) -> int | None:
    """Return the size in bytes; None: it is not known yet, as of a pipe."""
    try:
        status = os.fstat(content.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _format_of(file: Path, no_workbook: str) -> Format:
    if file == STANDARD:
        return Format.CSV
    found = _BY_NAME.get(file.suffix.lower())
    if file.suffix.lower() in _WORKBOOKS:
        raise WrongUseError(f"{file.name} is a workbook of a spreadsheet program. {no_workbook}")
    if found is None:
        raise WrongUseError(
            f"the name {file.name or file} does not say in which format it is. End it with .csv "
            "or .jsonl, or add --format"
        )
    return found
