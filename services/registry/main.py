"""The command ``chargelight-registry``: runs the service, or one of the commands beside it."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from services.registry import migrate_command, revoke_command
from services.registry.backup import commands
from services.registry.settings import RegistrySettings
from shared.process import runtime
from shared.version import VERSION


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Do what the arguments say; without any, serve."""
    parsed = parser().parse_args(arguments)
    if not hasattr(parsed, "work"):
        # Commands need none of it, and a backup on the timer shares the service's memory limit.
        from services.registry.app import serve  # noqa: PLC0415

        runtime.main(RegistrySettings, serve)
    sys.exit(commands.run(parsed))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    parser = argparse.ArgumentParser(
        prog="chargelight-registry",
        description="Without a command: run a registry. Settings are read from the environment.",
        epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 Postgres is away.",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    migrate_command.add_command(subparsers)
    revoke_command.add_command(subparsers)
    commands.add_commands(subparsers)
    return parser
