"""Requests without a valid API key or session: they wait for each other while there are many.

Each costs as much as an operator's: a flood of them would take all the time of a registry, and of
the processor that it shares. Those with a valid one never wait.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.registry.access.sessions import COOKIE, HOST_PREFIX
from shared.process.entrance.pace import Pace
from shared.process.entrance.turns import Turns, call_soon

_SECONDS: Final = 1 / 100
"""For how long the others wait for each. One takes a tenth of that, and so do all of a core."""
_MOST_AT_ONCE: Final = 4
"""Without an answer yet: so that half of the connections to Postgres are left for operators, also
where Postgres is slow."""
_MOST_WAITING: Final = 500
_SHARE: Final = 1.0
"""Of a turn of the event loop: one begins in each."""

# No request begins with a control character: the parser says so at once. The end of a head is as
# h11 sees it.
_WHOLE: Final = re.compile(rb"\A[\x00-\x20]|\n\r?\n")
_SHOWN: Final = (
    re.compile(rb"(?im)^authorization:[ \t]*bearer[ \t]+([^\s]+)"),
    re.compile(rf"(?im)^cookie:(?:.*;)?[ \t]*(?:{HOST_PREFIX})?{COOKIE}=([\w-]+)".encode("ascii")),
)


@dataclass(eq=False, repr=False)
class Strangers:
    """Lets requests without a valid API key begin, one of each address after the other."""

    is_valid: Callable[[bytes], bool]
    """Tells whether an API key or a session is valid; may be a moment late."""
    clock: Callable[[], float] = time.monotonic
    """In seconds; it only moves forward."""
    call_soon: Callable[[Callable[[], None]], object] = call_soon

    def __post_init__(self) -> None:
        self._pace = Pace(self.clock)
        self._turns = Turns(self._pause, _MOST_WAITING, self.call_soon)
        self._unanswered: set[object] = set()

    def _pause(self) -> float:
        # Looked at again as often as one more may begin.
        return _SECONDS if len(self._unanswered) >= _MOST_AT_ONCE else self._pace.wait()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._turns)

    def is_one(self, data: bytes) -> bool:
        """Tell whether a request has no valid key; not before its whole head is there.

        Args:
            data: What came of it so far.
        """
        whole = _WHOLE.search(data)
        if whole is None:
            return False
        shown = (each.search(data, 0, whole.end()) for each in _SHOWN)
        return not any(found and self.is_valid(found[1]) for found in shown)

    def take(self) -> bool:
        """Tell whether one may begin at once; then it has had its turn."""
        if not self._turns.take(_SHARE):
            return False
        self._pace.spend(_SECONDS)
        return True

    def wait(self, address: str, begin: Callable[[], bool]) -> bool:
        """Call ``begin`` when it has its turn; tell whether there was room to wait.

        Args:
            address: The client's, or that of its balancer.
            begin: Begins with the request; tells whether its client is still there.
        """

        def begin_in_turn() -> None:
            if begin():
                self._pace.spend(_SECONDS)

        return self._turns.wait(address, begin_in_turn, _SHARE)

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one that has begun; it counts until its answer begins, however slow its client."""
        this = object()
        self._unanswered.add(this)

        async def send_and_note(message: Message) -> None:
            self._unanswered.discard(this)
            await send(message)

        try:
            await app(scope, receive, send_and_note)
        finally:
            self._unanswered.discard(this)
