"""The command line: its groups, its options, and how it fails.

Exit codes:
    0: done, also when the reader of the output ended first (``… | head``).
    1: refused, by the registry or by this machine. Doing the same again will not help. Of
        `doctor`: there is something to do.
    2: wrong use: an argument, an option, a file or a setting.
    3: no registry answered, or it cannot right now (Postgres or Redis is away). Try again.
    130: Ctrl-C.
"""

import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli import settings
from services.cli.booths.command import booths
from services.cli.commands import (
    access,
    bulk,
    ca,
    devices,
    explain,
    pairings,
    refused,
    rentals,
    retention,
    summary,
    support_bundle,
)
from services.cli.desk.charger_commands import with_commands
from services.cli.desk.find import find
from services.cli.desk.labels import labels
from services.cli.doctor.command import doctor
from services.cli.failures import (
    CommandFailedError,
    ReaderGoneError,
    RefusedError,
    WrongUseError,
)
from services.cli.global_options import PANEL, RootGroup
from services.cli.hub.command import hub
from services.cli.notify.command import notify
from services.cli.output import Output, printable, with_local_times
from services.cli.profiles import complete_profile
from services.cli.session import Session
from services.cli.version import show_version

_EXIT_DONE: Final = 0

_PLAIN: Final = {
    r"^Value error, ": "",
    r"^Input should be a valid integer.*": "this is no whole number",
    r"^Input should be a valid (\w+),.*": r"this is no \1",
    r"^Input should be ": "it must be ",
}
"""What the validator behind Typer says of a value, in plain words."""

app = typer.Typer(
    name="chargelight",
    cls=RootGroup,
    help="Chargers, widgets and rentals of a Chargelight hub.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong use, 3 no registry answers right now.",
    context_settings={
        "help_option_names": ["--help", "-h"],
        "token_normalize_func": lambda name: name.replace("colour", "color"),
    },
    invoke_without_command=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(with_commands(devices.group("charger")), name="chargers")
app.add_typer(pairings.with_widget_side(devices.group("widget")), name="widgets")
app.add_typer(pairings.group, name="pairings")
app.add_typer(booths, name="booths")
app.add_typer(rentals.group, name="rentals")
app.add_typer(access.keys, name="keys")
app.add_typer(ca.group, name="ca")
app.add_typer(notify, name="notify")
app.command("hub")(hub)
app.command("state")(devices.state)
app.command("explain")(explain.explain)
app.command("find")(find)
app.command("labels")(labels)
app.command("refused")(refused.refused)
app.command("summary")(summary.summary)
app.command("import")(bulk.import_)
app.command("export")(bulk.export)
app.command("doctor")(doctor)
app.command("audit")(access.audit)
app.command("support-bundle")(support_bundle.support_bundle)
app.command("whoami")(access.whoami)
app.command("prune")(retention.prune)
app.command("erase")(retention.erase)


def _choose_colours(value: bool | None) -> bool | None:  # noqa: FBT001 - Typer calls it
    """Set what rich and Typer go by: https://no-color.org and https://force-color.org."""
    if value is not None:
        os.environ.pop("NO_COLOR" if value else "FORCE_COLOR", None)
        os.environ["FORCE_COLOR" if value else "NO_COLOR"] = "1"
    return value


@app.callback()
def program(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the versions of this program and the registry.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=f"Where the registry is, else {settings.DEFAULT_URL}; or set {settings.URL}.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"File that holds the API key; or set {settings.KEY_FILE} or {settings.KEY}.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_profile,
            help=f"Profile to take the URL and the key from; or set {settings.PROFILE}.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON, for programs; of lists, a line per item.",
            rich_help_panel=PANEL,
        ),
    ] = False,
    color: Annotated[
        bool | None,
        typer.Option(
            "--color/--no-color",
            callback=_choose_colours,
            is_eager=True,
            help="Colours, or none; else as NO_COLOR and FORCE_COLOR say, and on a terminal.",
            rich_help_panel=PANEL,
        ),
    ] = None,
) -> None:
    """Chargers, widgets and rentals of a Chargelight hub."""
    del url, key_file, profile, as_json, color  # the session reads them when they are needed
    context.obj = Session(context.params)
    if version:
        show_version(context.obj)
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.fail("Missing command.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and say why it failed, if it did."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets its number, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(_run(sys.argv[1:] if arguments is None else arguments))
    except ReaderGoneError:
        # What is still in a buffer can go nowhere when Python flushes it at the end:
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_EXIT_DONE)


def _run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    as_json = "--json" in arguments[:end]
    try:
        return app(arguments, prog_name="chargelight", standalone_mode=False) or _EXIT_DONE
    except CommandFailedError as error:
        return _tell(error, as_json=as_json)
    except typer.TyperException as error:
        return _tell_wrong_use(error, as_json=as_json)
    except typer.Abort:
        return _tell(RefusedError("what was asked for was not typed"), as_json=as_json)


def _tell_wrong_use(error: Any, *, as_json: bool) -> int:
    for words, plain in _PLAIN.items():
        error.message = re.sub(words, plain, error.message)
    if as_json:
        return _tell(WrongUseError(error.format_message()), as_json=True)
    # Not before: it looks at FORCE_COLOR when it is imported.
    from typer.rich_utils import rich_format_error  # noqa: PLC0415

    rich_format_error(error)
    return WrongUseError.exit_code


def _tell(error: CommandFailedError, *, as_json: bool) -> int:
    if as_json:
        Output(as_json=True).line("", error.problem)
    else:
        sys.stderr.write(printable(with_local_times(f"{error.prefix}{error}"), keep="\n") + "\n")
    return error.exit_code
