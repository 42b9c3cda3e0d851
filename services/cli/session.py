"""What each command works with."""

from dataclasses import dataclass

import typer

from services.cli.api import Api
from services.cli.output import Output


@dataclass(frozen=True, slots=True)
class Session:
    """A registry to talk to, and a place for its answers."""

    api: Api
    output: Output


def session_of(context: typer.Context) -> Session:
    """Return the session that a command was started in."""
    session = context.find_object(Session)
    assert session is not None  # noqa: S101 - made in `services.cli.main.connect`
    return session
