"""The command line: its groups, its options, and how it fails.

Exit codes:
    0: done, also when the reader of the output ended first (``… | head``).
    1: refused, by the registry or by this machine. Doing the same again will not help.
    2: wrong use: an argument, an option, a file or a setting.
    3: no registry answered, or it cannot right now (Postgres or Redis is away). Try again.
    130: Ctrl-C.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.api import Api
from services.cli.commands import access, bulk, devices, explain, pairings, rentals
from services.cli.failures import ReaderGoneError, RefusedError, UnreachableError, WrongUseError
from services.cli.output import Output, printable
from services.cli.session import Session, key_in

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 1
EXIT_WRONG_USE: Final = 2
EXIT_UNREACHABLE: Final = 3

app = typer.Typer(
    name="chargelight",
    help="Chargers, widgets and rentals of a Chargelight hub.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong use, 3 no registry answers right now.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(devices.group("charger"), name="chargers")
app.add_typer(pairings.with_widget_side(devices.group("widget")), name="widgets")
app.add_typer(pairings.group, name="pairings")
app.add_typer(rentals.group, name="rentals")
app.add_typer(access.keys, name="keys")
app.command("state")(devices.state)
app.command("explain")(explain.explain)
app.command("import")(bulk.import_)
app.command("export")(bulk.export)
app.command("audit")(access.audit)
app.command("whoami")(access.whoami)


@app.callback()
def connect(
    context: typer.Context,
    *,
    url: Annotated[
        str, typer.Option(envvar="CHARGELIGHT_CLI_URL", help="Where the registry is.")
    ] = "http://127.0.0.1:3300",
    key_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CHARGELIGHT_CLI_KEY_FILE",
            help="File that holds the API key; or set CHARGELIGHT_CLI_KEY.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs; of lists, a line per item.")
    ] = False,
) -> None:
    """Chargers, widgets and rentals of a Chargelight hub."""
    context.obj = Session(lambda: Api(url, key_in(key_file)), Output(as_json=as_json))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and say in one line why it failed, if it did."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets its number, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(_json_first(sys.argv[1:] if arguments is None else arguments), prog_name="chargelight")
    except RefusedError as error:
        _fail(f"refused: {error}", EXIT_REFUSED)
    except WrongUseError as error:
        _fail(str(error), EXIT_WRONG_USE)
    except UnreachableError as error:
        _fail(str(error), EXIT_UNREACHABLE)
    except ReaderGoneError:
        # What is still in a buffer can go nowhere when Python flushes it at the end:
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_DONE)


def _json_first(arguments: Sequence[str]) -> list[str]:
    """Move ``--json`` to the front: people add it to the end of a command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [each for each in arguments[:end] if each != "--json"]
    moved = ["--json"] if len(options) < end else []
    return [*moved, *options, *arguments[end:]]


def _fail(text: str, code: int) -> None:
    sys.stderr.write(printable(text, keep="\n") + "\n")
    sys.exit(code)
