"""``chargelight summary``: the rentals of a day or an event, in figures."""

from collections.abc import Mapping
from typing import Any, Final

import typer

from services.cli.api import address
from services.cli.commands.arguments import OfBooth, Since, Until
from services.cli.commands.moments import moment
from services.cli.output import duration, in_words
from services.cli.session import session_of

_SECONDS: Final = "_seconds_to_"


def summary(
    context: typer.Context,
    *,
    since: Since = None,
    until: Until = None,
    booth: OfBooth = None,
) -> None:
    """Show how many rentals there were, how fast phones were charged, and what is missing.

    Of the phones that were handed over since then: today, if no time is given.
    """
    session = session_of(context)
    answer = session.api.get(
        address("summary"), since=since or moment("today"), until=until, booth=booth
    )
    session.output.line(screen(answer), answer)


def screen(summary: Mapping[str, Any]) -> str:
    """Return a summary as a text for a terminal: a line for each figure."""
    named = {
        name.replace(_SECONDS, " time to ").replace("_", " "): (
            duration(value) if _SECONDS in name else in_words(value)
        )
        for name, value in summary.items()
    }
    width = max((len(name) for name in named), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in named.items())
