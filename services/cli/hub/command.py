"""``chargelight hub``: which processes run, how they are, and what happened lately."""

from collections.abc import Mapping
from typing import Any, Final

import typer
from rich.text import Text

from services.cli.commands.arguments import Watch
from services.cli.hub import screen
from services.cli.session import Session, session_of
from services.cli.watching import watch

_EVENTS: Final = 15
"""That are shown where there is room for all."""
_LEAST_EVENTS: Final = 3


def hub(context: typer.Context, *, watch_: Watch = False) -> None:
    """Show gateways, routers, registries, Redis and Postgres, what waits, and what happened."""
    session = session_of(context)
    seen = _Seen(session)
    if watch_:
        watch(session.output, seen.fetch, screen.LINES, seen.draw)
    else:
        seen.fetch(None)
        session.output.drawn(seen.draw(None), seen.answer)


class _Seen:
    """The last answer, and all events so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._events: dict[str, Mapping[str, Any]] = {}
        self.answer: Mapping[str, Any] = {}

    def fetch(self, _fit: int | None) -> list[Mapping[str, Any]]:
        """Return Redis, Postgres, all instances and events as they are now."""
        self.answer = answer = self._session.api.hub()
        # Events stay, or each that leaves the list would be told as gone.
        self._events |= {event["id"]: event for event in reversed(answer["events"])}
        return [*screen.changing(answer), *self._events.values()]

    def draw(self, fit: int | None) -> list[Text]:
        """Return the screen, with as many events as fit on so many lines."""
        lines = [
            *screen.head(self.answer),
            Text(),
            *self._session.output.table_lines(
                self.answer["instances"], screen.columns(self.answer)
            ),
            *screen.reasons(self.answer),
            Text(),
        ]
        most = _EVENTS if fit is None else max(_LEAST_EVENTS, fit - len(lines))
        return lines + screen.timeline(self.answer["events"], most)
