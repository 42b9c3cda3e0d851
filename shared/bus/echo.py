"""Whether what is published arrives: a process publishes to itself through Redis.

A connection that answers pings may still hear nothing: it may lead to another server
than the one that is written to. Only a message that came the whole way shows that
doorbells are heard.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.subscriber import Subscriber
from shared.contract.names import channel_in_slot
from shared.process.waiting import wait_for_event

_CALL_SECONDS: Final = 0.5
_LOST_SECONDS: Final = 2.0
"""No call came back for so long: what others publish does not arrive either."""


@dataclass(eq=False, repr=False)
class _Calls:
    """What is known of the calls on one channel."""

    heard_at: float | None = None
    unheard_since: float | None = None


@dataclass(eq=False, repr=False)
class Echo:
    """Publishes on one connection what another one should hear; in a cluster, per server."""

    bus: Bus
    """To publish over: with RESP2 a subscribed connection cannot."""
    subscriber: Subscriber
    """That should hear it."""
    channel: str
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._calls: dict[str, _Calls] = {}
        self._now = asyncio.Event()
        self._follow_servers()

    @property
    def comes_back(self) -> bool:
        """Whether a call came back lately, from every server."""
        now = self.clock()
        return bool(self._calls) and all(
            calls.heard_at is not None and now - calls.heard_at <= _LOST_SECONDS
            for calls in self._calls.values()
        )

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a call that came back."""
        calls = self._calls[channel]
        now = self.clock()
        # Anything may be published; and a call that comes late does not count.
        with contextlib.suppress(ValueError):
            if 0 <= now - float(payload) <= _LOST_SECONDS:
                calls.heard_at, calls.unheard_since = now, None

    def on_confirmed(self, channels: list[str]) -> None:
        """Call at once when the subscriber listens (again): readiness waits for it."""
        for channel in channels:
            self._calls[channel].unheard_since = None
        self._now.set()

    async def call(self) -> None:
        """Call twice a second until cancelled; drop a connection that does not hear it."""
        while True:
            self._now.clear()
            self._follow_servers()
            called_at = self.clock()
            # At once: a server that is away must not keep the others from being heard.
            await asyncio.gather(*(self._call(*each, called_at) for each in self._calls.items()))
            await wait_for_event(self._now, _CALL_SECONDS)

    def _follow_servers(self) -> None:
        """Have one channel in a hash slot of each server."""
        channels = {channel_in_slot(self.channel, tag) for tag in self.bus.tags()}
        if not channels or channels == self._calls.keys():
            return
        # A server that is new to us gets time to be heard before its silence counts.
        heard_at = self.clock() if self._calls and self.comes_back else None
        gone = self._calls.keys() - channels
        self._calls = {
            channel: self._calls.get(channel) or _Calls(heard_at) for channel in channels
        }
        self.subscriber.unsubscribe(gone)
        self.subscriber.subscribe(channels, self)

    async def _call(self, channel: str, calls: _Calls, called_at: float) -> None:
        # Noted before: the call may be back before Redis' answer to it.
        if calls.unheard_since is None:
            calls.unheard_since = called_at
        try:
            await self.bus.command("PUBLISH", channel, repr(called_at))
        except BusUnavailableError:
            calls.unheard_since = None  # nothing was published that could have been heard
        since = calls.unheard_since
        if since is not None and self.clock() - since > _LOST_SECONDS:
            calls.unheard_since = None
            self.subscriber.drop_connection("it does not hear what is published", channel)
