"""One client's stream: Server-Sent Events from its position on.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from services.registry.feed.feed import Feed
from services.registry.feed.positions import read_position
from services.registry.feed.watching import Booth
from shared.process.waiting import wait_for_event

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
                hub = state.model_dump_json()
                yield format_sse_event(event="hub", data_str=hub, retry=_RETRY_MS)
            following = feed.encoded.after(number, self.booth)
            for event in following.events:
                said_at = feed.clock()
                yield event
            if feed.clock() - said_at >= _COMMENT_SECONDS:
                said_at = feed.clock()
                yield KEEPALIVE_COMMENT
            number = following.number
            if number == feed.tiles.number:
                await wait_for_event(changed, _COMMENT_SECONDS)
