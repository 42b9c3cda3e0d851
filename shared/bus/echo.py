"""Whether what is published arrives: a process calls to itself through Redis and listens.

A connection that answers pings may still hear nothing: it may lead to another server
than the one that is written to. Only a message that came the whole way shows that
doorbells are heard.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from shared.bus.bus import Bus
from shared.bus.link import BusUnavailableError
from shared.bus.subscriber import Subscriber

_CALL_SECONDS: Final = 0.5
_LOST_SECONDS: Final = 2.0
"""No call came back for so long: what others publish does not arrive either."""


class Echo:
    """Publishes over one connection what another one should hear.

    Args:
        bus: To publish over: a subscribed connection can not (RESP2).
        subscriber: That should hear it.
        channel: This process's own.
        clock: Monotonic time in seconds.
    """

    def __init__(
        self,
        bus: Bus,
        subscriber: Subscriber,
        channel: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._subscriber = subscriber
        self._channel = channel
        self._clock = clock
        self._heard_at: float | None = None
        self._unheard_since: float | None = None
        self._now = asyncio.Event()
        subscriber.subscribe([channel])

    @property
    def comes_back(self) -> bool:
        """Whether a call came back lately."""
        return self._heard_at is not None and self._clock() - self._heard_at <= _LOST_SECONDS

    def heard(self, channel: str, payload: bytes) -> bool:
        """Take a call that came back; False if the channel is not ours."""
        if channel != self._channel:
            return False
        now = self._clock()
        # Anybody may publish anything; and what was held up for long is no good sign.
        with contextlib.suppress(ValueError):
            if 0 <= now - float(payload) <= _LOST_SECONDS:
                self._heard_at, self._unheard_since = now, None
        return True

    def confirmed(self, channels: Iterable[str]) -> None:
        """Call at once when the subscriber listens (again): others wait to hear that it works."""
        if self._channel in channels:
            self._unheard_since = None
            self._now.set()

    async def call(self) -> None:
        """Call twice a second until cancelled; give up a subscriber that does not hear it."""
        while True:
            self._now.clear()
            called_at = self._clock()
            # Noted before: the call may be back before Redis' answer to it.
            if self._unheard_since is None:
                self._unheard_since = called_at
            try:
                await self._bus.command("PUBLISH", self._channel, repr(called_at))
            except BusUnavailableError:
                self._unheard_since = None  # nothing was said that could have been heard
            self._judge()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CALL_SECONDS):
                    await self._now.wait()

    def _judge(self) -> None:
        since = self._unheard_since
        if since is not None and self._clock() - since > _LOST_SECONDS:
            self._unheard_since = None
            self._subscriber.distrust("it does not hear what is published")
