"""What each command works with."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import typer

from services.cli.api import Api, address
from services.cli.failures import WrongUseError
from services.cli.output import Output


class Session:
    """A client of the registry, and the output for its answers.

    Args:
        connect: Makes the client. Called when a command first needs it, so that ``--help``
            works with a key file that cannot be read.
        output: Where answers are printed.
    """

    def __init__(self, connect: Callable[[], Api], output: Output) -> None:
        self._connect = connect
        self.output = output

    @cached_property
    def api(self) -> Api:
        """The registry."""
        return self._connect()


def session_of(context: typer.Context) -> Session:
    """Return the session that a command was started in."""
    session = context.find_object(Session)
    assert session is not None  # noqa: S101 - made in `services.cli.main.connect`
    return session


def show(context: typer.Context, *segments: str) -> None:
    """Print what the registry knows of one thing."""
    session = session_of(context)
    session.output.fields(session.api.get(address(*segments)))


def key_in(key_file: Path | None) -> str:
    """Return the API key in a file, else in CHARGELIGHT_CLI_KEY; empty: none.

    It is never an option: every user of this machine can read its command lines.

    Raises:
        WrongUseError: There is none in the file.
    """
    if key_file is None:
        return os.environ.get("CHARGELIGHT_CLI_KEY", "").strip()
    try:
        key = key_file.expanduser().read_text("utf-8").strip()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WrongUseError(f"the key file {key_file} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise WrongUseError(f"the key file {key_file} is no text") from error
    if not key:
        raise WrongUseError(f"the key file {key_file} is empty")
    return key
