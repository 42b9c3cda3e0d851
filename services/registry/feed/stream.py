"""One client's stream: Server-Sent Events from its position on.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from services.registry.feed.feed import Feed
from services.registry.feed.positions import read_position
from services.registry.feed.tiles import Change
from services.registry.feed.watching import Booth
from shared.process.waiting import wait_for_event

_MOST_CHANGES: Final = 250
"""In one event: a client that reads slowly holds no more than a few of them here."""
_LOOK_SECONDS: Final = 5.0
"""How often to look whether the key is still valid; not before, for a key may be that new."""
_COMMENT_SECONDS: Final = 1.0
"""By which a client knows that what it shows is current; and no balancer takes the connection for a
dead one."""
_RETRY_MS: Final = 2000
"""After so long a browser connects again."""


@dataclass(eq=False, repr=False)
class Stream:
    """Sends what changes, until the registry stops or the client's key has ended."""

    feed: Feed
    booth: Booth
    position: str | None
    """What the client says that it has; None: nothing."""
    is_valid: Callable[[], bool]
    """Tells whether the client's key or session is valid."""

    async def events(self) -> AsyncIterator[bytes]:
        """Yield events as they are sent."""
        feed = self.feed
        position = None if self.position is None else read_position(self.position)
        if self.position is not None and not feed.knows(position):
            # Not its end: where a balancer chooses a registry for each request, the next snapshot
            # would be another one's again.
            position = None
            yield format_sse_event(event="reset", data_str="{}")
        number = position.number if position else 0
        told: object = None
        begun = said_at = feed.clock()
        while not feed.is_closed:
            changed = feed.changed  # before looking: what comes meanwhile sets it
            if feed.clock() - begun >= _LOOK_SECONDS and not self.is_valid():
                return
            if (state := feed.hub_state()) != told:
                told = state
                said_at = feed.clock()
                yield _event("hub", state.model_dump_json(), retry=_RETRY_MS)
            following = feed.tiles.after(number, self.booth, _MOST_CHANGES)
            for event in encode(following.changes, feed.position_at):
                said_at = feed.clock()
                yield event
            if feed.clock() - said_at >= _COMMENT_SECONDS:
                said_at = feed.clock()
                yield KEEPALIVE_COMMENT
            number = following.number
            if number == feed.tiles.number:
                await wait_for_event(changed, _COMMENT_SECONDS)


def encode(changes: list[Change], position_at: Callable[[int], str]) -> list[bytes]:
    """Return changes as events, in their order."""
    events = []
    for is_gone, some in itertools.groupby(changes, key=lambda each: each.text is None):
        group = list(some)
        texts = (f'"{each.charger}"' if is_gone else each.text or "" for each in group)
        name = "gone" if is_gone else "tiles"
        events.append(_event(name, f"[{','.join(texts)}]", at=position_at(group[-1].number)))
    return events


def _event(name: str, data: str, *, at: str | None = None, retry: int | None = None) -> bytes:
    return format_sse_event(event=name, data_str=data, id=at, retry=retry)
