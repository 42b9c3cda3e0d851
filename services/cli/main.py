"""The command line: its groups, its options, and how it fails."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from services.cli.api import Api, RefusedError, UnreachableError
from services.cli.commands import access, bulk, devices, explain, live, pairings, rentals
from services.cli.output import Output
from services.cli.session import Session

EXIT_REFUSED: Final = 1
EXIT_UNREACHABLE: Final = 3

app = typer.Typer(
    name="chargelight",
    help="Chargers, widgets and rentals of a Chargelight hub.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(devices.group("charger"), name="chargers")
app.add_typer(devices.group("widget"), name="widgets")
app.add_typer(pairings.group, name="pairings")
app.add_typer(rentals.group, name="rentals")
app.add_typer(access.keys, name="keys")
app.command("whoami")(access.whoami)
app.command("audit")(access.audit)
app.command("import")(bulk.import_)
app.command("export")(bulk.export)
app.command("state")(live.state)
app.command("explain")(explain.explain)


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
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Chargers, widgets and rentals of a Chargelight hub."""
    # Never an option: everybody on this machine can read the command lines of others.
    key = key_file.read_text().strip() if key_file else os.environ.get("CHARGELIGHT_CLI_KEY", "")
    context.obj = Session(Api(url, key), Output(Console(), as_json=as_json))


def main() -> None:
    """Run a command, and say in one line why it failed, if it did."""
    try:
        app(prog_name="chargelight")
    except RefusedError as error:
        sys.stderr.write(f"refused: {error}\n")
        sys.exit(EXIT_REFUSED)
    except UnreachableError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNREACHABLE)
