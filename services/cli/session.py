"""What each command works with."""

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import typer

from services.cli.api import Api, address
from services.cli.output import Output
from services.cli.settings import read_settings


class Session:
    """A client of the registry, and the output for its answers.

    Both are made when a command first needs them: until then a global option may follow, and
    ``--help`` works with a key file that cannot be read.

    Args:
        options: The global options.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    @cached_property
    def api(self) -> Api:
        """The registry."""
        settings = read_settings(self._options, os.environ)
        return Api(settings.url, settings.key, is_key_withheld=settings.is_key_withheld)

    @cached_property
    def output(self) -> Output:
        """Standard output."""
        return Output(as_json=self._options["as_json"])


def session_of(context: typer.Context) -> Session:
    """Return the session that a command was started in."""
    session = context.find_object(Session)
    assert session is not None  # noqa: S101 - made in `services.cli.main.program`
    return session


def show(context: typer.Context, *segments: str) -> None:
    """Print what the registry knows of one thing."""
    session = session_of(context)
    session.output.fields(session.api.get(address(*segments)))
